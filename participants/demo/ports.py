"""Ports of this machine's loopback address."""

import os
import socket

from participants.demo.failures import DemoError

HOST = "127.0.0.1"
_TRIES = 100


def read_wanted(name: str, default: int) -> int:
    """The port an environment variable asks for. Raises DemoError when it is none."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise DemoError(f"{name} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def find_free(wanted: int, *, avoid: tuple[int, ...] = ()) -> int:
    """The wanted port or the next free one after it. Raises DemoError when there is none nearby."""
    for port in range(wanted, min(wanted + _TRIES, 65_536)):
        if port not in avoid and _is_free(port):
            return port
    raise DemoError(f"No free port from {wanted} on. Name another one with PORT= or SANDBOX_PORT=.")


def find_any(*, avoid: tuple[int, ...] = ()) -> int:
    """A port nobody uses."""
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in avoid:
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
