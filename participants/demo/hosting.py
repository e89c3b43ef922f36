"""``up``: start a stack on the demo's own folder and serve until interrupted."""

import signal
import time
from types import FrameType

from participants.demo import cast, welcome
from participants.demo.failures import DemoError
from participants.demo.folder import Folder, find_folder
from participants.demo.ports import find_free, read_wanted
from participants.demo.provider import Provider
from participants.demo.stack import Stack

_LOOK_EVERY = 0.5


def serve() -> None:
    """Returns when interrupted. Raises DemoError when it can't start or a child ends by itself."""
    folder = find_folder()
    folder.make()
    # SIGINT too: a shell starts background jobs with it ignored, and then Python would never hear it.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with folder.locked():
        stack = _choose_ports(folder)
        try:
            started = time.monotonic()
            stack.start(_say)
            with Provider(stack) as provider:
                if inside := provider.open_lesson(cast.PHYSICS.title):
                    _say(f"{cast.PHYSICS.title} is going on, with {inside} people inside")
            print(welcome.compose(stack, seconds=time.monotonic() - started), flush=True)
            _watch(stack)
        except KeyboardInterrupt:
            _say("\nStopping")
        finally:
            _ignore_interrupts()
            stack.stop()
        _say(f"Stopped. The data stay in {folder.path}; make demo goes on with them.")


def _choose_ports(folder: Folder) -> Stack:
    wanted_web, wanted_sandbox = read_wanted("PORT", 8000), read_wanted("SANDBOX_PORT", 8787)
    web = find_free(wanted_web)
    sandbox = find_free(wanted_sandbox, avoid=(web,))
    for wanted, found, what in ((wanted_web, web, "Rollcall"), (wanted_sandbox, sandbox, "the sandbox")):
        if found != wanted:
            _say(f"Port {wanted} is taken; {what} uses {found}.")
    return Stack(folder, web, sandbox)


def _watch(stack: Stack) -> None:
    while True:
        if (ended := stack.find_ended()) is None:
            time.sleep(_LOOK_EVERY)
        elif ended.was_killed and ended.name == "worker":
            stack.replace_worker(ended)
            _say("The worker was killed. Another takes its work over, once its leases end.")
        else:
            raise DemoError(f"The demo stops, because {ended.describe_end()}")


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _ignore_interrupts() -> None:
    # A second Ctrl-C must not leave half the children behind; stopping ends by killing.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _say(text: str) -> None:
    print(text, flush=True)
