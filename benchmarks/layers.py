"""Where the time of one cached join goes: queries and milliseconds by layer, in process and without a server."""

import subprocess
import sys

from benchmarks import places
from benchmarks.effort import Effort
from benchmarks.load import Target, run
from participants.demo import cast
from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT

JOINS_PER_REPEAT = 100


def describe(effort: Effort) -> str:
    """A block of text. Raises DemoError."""
    database = effort.databases[0]
    with places.running(database, working=False, settings={}, limit=(1_000_000, 60.0)) as stack:
        headers = places.sign_in(stack.web, "bob")
        run([Target(places.find_join(stack, cast.ALGEBRA.id), headers)], 0.2)  # the token is issued
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.layering"),
                *(str(effort.repeats * JOINS_PER_REPEAT), str(cast.ALGEBRA.id)),
                *(headers["Cookie"], headers["X-CSRFToken"]),
            ],
            cwd=PROJECT,
            env=stack.build_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise DemoError(f"The layers could not be measured:\n{done.stderr[-2000:]}")
    return done.stdout.rstrip()
