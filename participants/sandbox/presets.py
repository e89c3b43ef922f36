"""Presets of an app (contract 8)."""

from dataclasses import replace

from participants.sandbox import schemas
from participants.sandbox.answers import Answer, Json, Refusal, success
from participants.sandbox.call import Call
from participants.sandbox.records import Preset


def list_presets(call: Call) -> Answer:
    wanted = call.query.get("search", "").lower()
    rows = [
        preset
        for preset in call.world.preset_rows.all()
        if preset.app_id == call.app_id and wanted in preset.name.lower()
    ]
    return call.paged(rows, Preset.listed)


def get(call: Call) -> Answer:
    return success(_preset(call).shown())


def create(call: Call) -> Answer:
    preset = Preset(**call.world.fresh(call.app_id), **call.body(schemas.PRESET))
    return _save(call, preset, status=201)


def put(call: Call) -> Answer:
    body = call.body(schemas.PRESET)
    with call.world.lock:
        return _save(call, replace(_preset(call), **body))


def patch(call: Call) -> Answer:
    changes = call.body(schemas.PRESET_PATCH)
    with call.world.lock:
        preset = _preset(call)
        merged: Json = {name: _merge(getattr(preset, name), change) for name, change in changes.items()}
        return _save(call, replace(preset, **merged))


def delete(call: Call) -> Answer:
    """Participants that have it keep its name."""
    with call.world.lock:
        preset = _preset(call)
        call.world.preset_rows.drop(preset.id)
    return success(preset.shown())


def _preset(call: Call) -> Preset:
    return call.owned(call.world.preset_rows, "preset_id", "Preset")


def _save(call: Call, preset: Preset, *, status: int = 200) -> Answer:
    with call.world.lock:
        namesake = call.world.preset_named(call.app_id, preset.name)
        # A participant names its preset, so two of one name could not be told apart.
        if namesake is not None and namesake.id != preset.id:
            raise Refusal(409, f"Preset with name {preset.name} already exists")
        saved = call.world.preset_rows.put(replace(preset, updated_at=call.world.now()))
    return success(saved.shown(), status=status)


def _merge(old: object, new: object) -> object:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    merged: Json = {name: _merge(old.get(name), value) for name, value in new.items()}
    return {**old, **merged}
