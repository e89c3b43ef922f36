"""What a stand-in knows and does, behind its HTTP face. Written apart from the sandbox, on purpose."""

import base64
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

from tests.standin.manners import Manners

ACCOUNT, APP, SECRET = "acct-of-another-kind", "app_42", "another-api-token-never-to-be-seen"
PRESETS = ("group_call_participant", "group_call_host")


class Problem(Exception):
    """An error answer."""

    def __init__(self, status: int, message: str = "that did not work") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Thing:
    id: str
    made_at: float
    fields: dict[str, Any]
    listed: bool = True


@dataclass
class Room(Thing):
    people: list[Thing] = field(default_factory=list)
    present: set[str] = field(default_factory=set)


class World:
    """Meetings, participants and tokens; every method holds the lock, as a database would."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.rooms: dict[str, Room] = {}
        self.owner_of: dict[str, str] = {}
        self.lagging = False
        self._lock = threading.RLock()
        self._serial = 0

    def perform(self, operation: str, ids: dict[str, str], body: dict[str, Any]) -> Any:
        method: Callable[..., Any] = getattr(self, "_" + operation.replace(".", "_"))
        with self._lock:
            return method(ids, body)

    def settle(self) -> None:
        """Lists show everything from now on."""
        self.lagging = False
        for room in self.rooms.values():
            for thing in (room, *room.people):
                thing.listed = True

    def people_in(self, room_id: str | None) -> list[Thing]:
        with self._lock:
            return list(self.rooms[str(room_id)].people)

    def forget(self, room_id: str | None, participant_id: str | None) -> None:
        """Delete somebody behind our back."""
        room = self.rooms[str(room_id)]
        room.people = [person for person in room.people if person.id != participant_id]

    def _presets_list(self, ids: dict[str, str], body: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": f"preset-{name}", "name": name} for name in PRESETS]

    def _apps_list(self, ids: dict[str, str], body: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"id": APP, "name": "an app"}]

    def _meetings_create(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        self._check_title(body)
        room = Room(self._name("room"), self._now(), {**body, "status": "ACTIVE"}, not self.lagging)
        self.rooms[room.id] = room
        return self._show_room(room)

    def _meetings_list(self, ids: dict[str, str], body: dict[str, Any]) -> list[dict[str, Any]]:
        rooms = [room for room in self.rooms.values() if room.listed]
        if self.manners.searches and (wanted := body.get("search")):
            rooms = [room for room in rooms if wanted in str(room.fields.get("title"))]
        return [self._show_room(room) for room in self._sort(rooms)]

    def _meetings_get(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return self._show_room(self._find_room(ids))

    def _meetings_patch(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        self._check_title(body)
        room = self._find_room(ids)
        room.fields.update(body)
        return self._show_room(room)

    def _participants_add(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        room = self._find_room(ids)
        self._check_preset(body)
        custom_id = body["custom_participant_id"]
        there = next((p for p in room.people if p.fields["custom_participant_id"] == custom_id), None)
        policy = self.manners.duplicate
        if there is not None and policy != "second":
            if policy == "same":
                return self._show_person(there, self._issue(there))
            raise Problem(int(policy), "somebody with that custom id is there already")
        person = Thing(self._name("person"), self._now(), dict(body), not self.lagging)
        room.people.append(person)
        return self._show_person(person, self._issue(person))

    def _participants_list(self, ids: dict[str, str], body: dict[str, Any]) -> list[dict[str, Any]]:
        people = [person for person in self._find_room(ids).people if person.listed]
        return [self._show_person(person) for person in self._sort(people)]

    def _participants_get(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return self._show_person(self._find_person(ids))

    def _participants_patch(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        person = self._find_person(ids)
        if "preset_name" in body:
            self._check_preset(body)
        person.fields.update(body)
        return self._show_person(person, self._issue(person) if self.manners.patch_has_token else None)

    def _participants_delete(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        person = self._find_person(ids)
        self._find_room(ids).people.remove(person)
        return {"custom_participant_id": person.fields["custom_participant_id"]}

    def _participants_refresh(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return {"token": self._issue(self._find_person(ids))}

    def _active_get(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        room = self._find_room(ids)
        if not room.present:
            raise Problem(404, "nobody is in there")
        return {"id": "session-" + room.id, "associated_id": room.id, "status": "LIVE"}

    def _active_kick(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        room = self._find_room(ids)
        asked = set(body["participant_ids"])
        if not asked & room.present and self.manners.absent_from_session != 200:
            raise Problem(self.manners.absent_from_session, "nobody of that id is in there")
        room.present -= asked
        return {"action": "kick", "participants": []}

    def _active_kick_all(self, ids: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        room = self._find_room(ids)
        if not room.present and self.manners.absent_from_session != 200:
            raise Problem(self.manners.absent_from_session, "there is no such session")
        room.present.clear()
        return {"action": "kick-all", "kicked_participants_count": 0}

    def _find_room(self, ids: dict[str, str]) -> Room:
        if room := self.rooms.get(ids["room"]):
            return room
        raise Problem(self.manners.unknown, "no such meeting")

    def _find_person(self, ids: dict[str, str]) -> Thing:
        for person in self._find_room(ids).people:
            if person.id == ids["person"]:
                return person
        raise Problem(self.manners.unknown, "no such participant")

    def _check_preset(self, body: dict[str, Any]) -> None:
        if body.get("preset_name") not in PRESETS:
            raise Problem(self.manners.unknown_preset, "the preset is not one of ours")

    def _check_title(self, body: dict[str, Any]) -> None:
        if len(body.get("title") or "") > self.manners.title_limit:
            raise Problem(400, "the title is too long")

    def _sort(self, things: list[Any]) -> list[Any]:
        if self.manners.order == "newest":
            return things[::-1]
        return (
            things if self.manners.order == "oldest" else sorted(things, key=lambda thing: crc32(thing.id.encode()))
        )

    def _name(self, kind: str) -> str:
        self._serial += 1
        if self.manners.ids == "odd":
            return f"{kind}/{self._serial}?a b&ü"
        return f"{self._serial:08d}-0000-4000-8000-00000000abcd"

    def _now(self) -> float:
        return 1_800_000_000.25 + self._serial

    def _show_room(self, room: Room) -> dict[str, Any]:
        shown = self._show(room)
        status = shown.pop("status")
        if self.manners.status_case != "none":
            shown["status"] = status.lower() if self.manners.status_case == "lower" else status
        return shown

    def _show_person(self, person: Thing, token: str | None = None) -> dict[str, Any]:
        return self._show(person) | ({} if token is None else {"token": token})

    def _show(self, thing: Thing) -> dict[str, Any]:
        optional = dict.fromkeys(("name", "picture", "record_on_start")) if self.manners.nulls else {}
        more = {"sip_enabled": False, "deep": {"er": [1, None]}} if self.manners.extras else {}
        times = {name: self._show_time(thing.made_at) for name in ("created_at", "updated_at")}
        return {**optional, "id": thing.id, **thing.fields, **(times if self.manners.times != "none" else {}), **more}

    def _show_time(self, moment: float) -> Any:
        at = time.gmtime(moment)
        text = time.strftime("%Y-%m-%dT%H:%M:%S", at)
        ends = {"zulu": "Z", "fraction": ".250000123Z", "offset": "+00:00", "naive": ""}
        return moment if self.manners.times == "number" else text + ends.get(self.manners.times, "")

    def _issue(self, person: Thing) -> str:
        self._serial += 1
        kind, now = self.manners.token, time.time()
        if kind == "opaque":
            token = f"opaque~{self._serial}~{'x' * 40}"
        else:
            hundred_days = now + 100 * 86400
            exp = {
                "text": str(int(hundred_days)),
                "float": hundred_days + 0.5,
                "past": now - 5,
                "far": now * 1000,
                "brief": now + 30,
            }
            claims: dict[str, Any] = {
                "participantId": person.id,
                "n": self._serial,
                "exp": exp.get(kind, hundred_days),
            }
            if kind == "none":
                del claims["exp"]
            if kind == "huge":
                claims["padding"] = "p" * 4000
            token = ".".join(_encode(part) for part in ({"alg": "none"}, claims, {"s": self._serial}))
        self.owner_of[token] = person.id
        return token


def _encode(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
