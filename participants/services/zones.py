"""Time zones by name."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from participants.errors import UnknownTimeZone

UTC = ZoneInfo("UTC")


@cache
def list_names() -> tuple[str, ...]:
    """Names of places, and UTC; not the short-hands that say nothing of daylight saving."""
    places = (name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return ("UTC", *sorted(places))


def find_zone(name: str) -> ZoneInfo:
    """Raises UnknownTimeZone."""
    wanted = name.strip().replace(" ", "_")
    if wanted not in list_names():
        raise UnknownTimeZone
    return ZoneInfo(wanted)


def read_zone(name: str) -> ZoneInfo:
    """As ``find_zone``, and UTC where a name kept earlier is no longer known."""
    try:
        return find_zone(name)
    except UnknownTimeZone:
        return UTC
