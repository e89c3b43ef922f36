"""``python -m participants.demo VERB``."""

import argparse
import sys
from importlib import import_module

from participants.demo.failures import DemoError

_VERBS = {
    "up": ("hosting", "serve", "start everything and serve until interrupted"),
    "reset": ("reset", "forget", "forget the demo's data"),
    "smoke": ("smoke", "run", "run the main job over HTTP against a fresh stack"),
    "browser": ("browser", "ensure", "see to it that what the browser tests need is installed"),
    "alerts": ("alerts", "check", "check the alert rules with promtool, which is fetched where it is missing"),
    "screenshots": ("screenshots", "take", "take the documentation's screenshots anew"),
}


def main(arguments: list[str] | None = None) -> int:
    chosen = vars(_describe().parse_args(arguments))
    module, function, _ = _VERBS[chosen.pop("verb")]
    try:
        # Loaded by verb: ``browser`` and ``alerts`` run before anything is installed, and only ``screenshots`` needs
        # Playwright.
        getattr(import_module(f"participants.demo.{module}"), function)(**chosen)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130
    return 0


def _describe() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m participants.demo", description="All of Rollcall on this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    parsers = {verb: verbs.add_parser(verb, help=text) for verb, (_, _, text) in _VERBS.items()}
    parsers["reset"].add_argument("--yes", dest="sure", action="store_true", help="do not ask")
    parsers["screenshots"].add_argument("--only", default="", metavar="NAME", help="those whose name begins so")
    return parser


if __name__ == "__main__":
    sys.exit(main())
