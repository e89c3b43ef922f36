"""``python -m config.serve …``: granian with these options, out of the load balancer's rotation before it stops.

granian that is asked to stop takes no new connection, yet its port stays open until what is in hand is answered: who
comes meanwhile waits, and is cut off. So when asked to stop, this says by ``/healthz/`` that nobody should be sent
here any more, lets the seconds of ``ROLLCALL_DRAIN`` pass while everybody is still served, and asks granian then.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

DRAIN = 5.0
"""Seconds; more than a load balancer needs to see it. The Caddyfile's looks every second."""
FLAG = "ROLLCALL_DRAINING_FILE"


def serve(arguments: Sequence[str], *, drain: float) -> int:
    """Granian's exit status, when it has ended. Asked a second time, it is stopped at once."""
    with tempfile.TemporaryDirectory(prefix="rollcall-web-") as folder:
        flag = Path(folder) / "draining"
        command = [str(Path(sys.executable).with_name("granian")), *arguments]
        granian = subprocess.Popen(command, env={**os.environ, FLAG: str(flag)})  # noqa: S603 - our own command line

        def stop(signum: int, frame: FrameType | None) -> None:
            if flag.exists() or drain <= 0:
                granian.terminate()
                return
            flag.touch()
            signal.setitimer(signal.ITIMER_REAL, drain)

        def end(signum: int, frame: FrameType | None) -> None:
            granian.terminate()

        signal.signal(signal.SIGALRM, end)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        status = granian.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1:], drain=float(os.environ.get("ROLLCALL_DRAIN") or DRAIN)))
