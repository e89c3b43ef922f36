"""The Valkey server of the process tests."""

from tests.processes.conftest import valkey

__all__ = ["valkey"]
