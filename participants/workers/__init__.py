"""Processes that work in the background: a loop that looks at the rows, beside the engine that brings messages."""

from participants.workers.crew import Worker

__all__ = ["Worker"]
