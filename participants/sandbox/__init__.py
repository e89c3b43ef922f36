"""A local RealtimeKit: an HTTP server that behaves as the contract says, for the demo and for tests.

Imports none of our other code, so that client and sandbox cannot share one misreading of the contract.
"""

from participants.sandbox.faults import Faults, Gate
from participants.sandbox.requestlog import LoggedRequest, RequestLog
from participants.sandbox.sandbox import Sandbox, serve
from participants.sandbox.world import World

__all__ = ["Faults", "Gate", "LoggedRequest", "RequestLog", "Sandbox", "World", "serve"]
