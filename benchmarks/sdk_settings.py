"""The floor's settings, for the view that calls RealtimeKit at each join."""

from benchmarks.floor_settings import *  # noqa: F403 - these are the floor's settings but for that below

ROOT_URLCONF = "benchmarks.sdk"
