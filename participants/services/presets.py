"""Presets by name: known here, or looked up at RealtimeKit before they are refused (design 5)."""

from django.db import transaction
from django.utils import timezone

from participants.errors import PresetGone, PresetMissing, UnknownPreset
from participants.gateway import get_client
from participants.models import Meeting, Preset
from participants.realtimekit import Deadline, RealtimeKit
from participants.realtimekit import Preset as RemotePreset
from participants.services.trouble import translated


def resolve(name: str, *, deadline: Deadline, client: RealtimeKit | None = None) -> Preset:
    """The preset of that exact name. Raises UnknownPreset, or Busy / Misconfigured when it can't be looked up."""
    if preset := Preset.objects.available().filter(name=name).first():
        return preset
    sync(deadline=deadline, client=client)
    if preset := Preset.objects.available().filter(name=name).first():
        return preset
    raise UnknownPreset(f"RealtimeKit has no preset named {name[:100]!r}. Names are case-sensitive.")


def choose(meeting: Meeting, preset: Preset | None) -> Preset:
    """The preset for a new enrolment: the one asked for, else the meeting's. Raises PresetMissing, PresetGone."""
    chosen = preset or meeting.default_preset
    if chosen is None:
        raise PresetMissing
    if chosen.gone_at:
        raise PresetGone
    return chosen


def sync(*, deadline: Deadline, client: RealtimeKit | None = None) -> int:
    """Pull all presets: new ones appear, renamed ones follow, absent ones are marked gone. Their number."""
    with translated():
        remote = (client or get_client()).presets.list(deadline=deadline)
    store(remote)
    return len(remote)


def store(remote: list[RemotePreset]) -> None:
    now = timezone.now()
    named = {item.id: item for item in remote if item.name}
    with transaction.atomic():
        Preset.objects.exclude(realtimekit_id__in=named).filter(gone_at=None).update(gone_at=now)
        known = {preset.realtimekit_id: preset for preset in Preset.objects.select_for_update(no_key=True)}
        renamed = [p.pk for rid, p in known.items() if rid in named and p.name != named[rid].name]
        # Two presets may have swapped their names; while marked gone, neither blocks the other's name.
        Preset.objects.filter(pk__in=renamed).update(gone_at=now)
        taken: set[str] = set()
        for rid, item in named.items():
            if item.name in taken:
                continue
            taken.add(item.name)
            Preset.objects.update_or_create(
                realtimekit_id=rid,
                defaults={"name": item.name, "raw": dict(item.raw), "seen_at": now, "gone_at": None},
            )
