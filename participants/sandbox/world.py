"""Everything the sandbox knows: apps, presets, meetings, participants, sessions, webhooks and the signing keys.

Handlers and tests come in through the same methods; what only HTTP needs (paging, validation) is not here.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from participants.sandbox import tokens
from participants.sandbox.answers import Json, Refusal
from participants.sandbox.courier import Parcel
from participants.sandbox.happenings import Happening
from participants.sandbox.presetbodies import ROLES, preset_body, role_named
from participants.sandbox.records import App, Meeting, Participant, Peer, Preset, Session, Status, Webhook
from participants.sandbox.roster import Roster
from participants.sandbox.sessionbook import SessionBook
from participants.sandbox.settings import Clock, Settings
from participants.sandbox.storage import Journal, State, Table
from participants.sandbox.tokens import BadTokenError, SigningKey


class World:
    """`lock` is held by everything that reads or writes more than one record."""

    def __init__(
        self,
        *,
        app_id: str,
        settings: Settings,
        clock: Clock,
        state_file: Path | None,
        post: Callable[[Parcel], None],
    ) -> None:
        self.lock = threading.RLock()
        self.app_id = app_id
        self._settings = settings
        self._clock = clock
        self._post = post
        self._journal = Journal(state_file)
        self._keeps_state = state_file is not None
        self._keys: dict[str, SigningKey] = {}
        self.app_rows = Table(self._journal, App)
        self.preset_rows = Table(self._journal, Preset)
        self.meeting_rows = Table(self._journal, Meeting)
        self.webhook_rows = Table(self._journal, Webhook)
        self.roster = Roster(self._journal)
        self.sessions = SessionBook(self._journal, self._tell)

    def open(self) -> None:
        """Reads the state file, if there is one, and makes the default app on first sight."""
        with self.lock:
            if self._keeps_state or not self._keys:
                state = self._journal.open()
                for rows in (self.app_rows, self.preset_rows, self.meeting_rows, self.webhook_rows):
                    rows.load(state)
                self.roster.load(state)
                self.sessions.load(state)
                self._keys = {purpose: self._key(state, purpose) for purpose in ("tokens", "webhooks")}
            self._ensure_app()

    def close(self) -> None:
        with self.lock:
            self._journal.close()

    def reset(self) -> None:
        """Back to the default app and presets; the keys stay, so a verifier's copy stays good."""
        with self.lock:
            self._journal.clear()
            for rows in (self.app_rows, self.preset_rows, self.meeting_rows, self.webhook_rows):
                rows.clear()
            self.roster.clear()
            self.sessions.clear()
            self._keep_keys()
            self._ensure_app()

    def now(self) -> datetime:
        return self._clock()

    def fresh(self, app_id: str | None = None) -> dict[str, Any]:
        """The fields every new record starts with."""
        now = self.now()
        return {
            "id": str(uuid.uuid4()),
            "app_id": app_id or self.app_id,
            "created_at": now,
            "updated_at": now,
        }

    def meetings(self) -> list[Meeting]:
        """Of the default app, oldest first."""
        return [meeting for meeting in self.meeting_rows.all() if meeting.app_id == self.app_id]

    def create_meeting(self, title: str | None = None) -> Meeting:
        with self.lock:
            return self.meeting_rows.put(Meeting(**self.fresh(), title=title))

    def set_meeting_status(self, meeting_id: str, status: Status) -> Meeting:
        with self.lock:
            meeting = self._meeting(meeting_id)
            return self.meeting_rows.put(replace(meeting, status=status, updated_at=self.now()))

    def presets(self) -> list[Preset]:
        return [preset for preset in self.preset_rows.all() if preset.app_id == self.app_id]

    def preset_named(self, app_id: str, name: str) -> Preset | None:
        """Names are exact and case-sensitive (contract 7)."""
        matches = (row for row in self.preset_rows.all() if row.app_id == app_id and row.name == name)
        return next(matches, None)

    def add_preset(self, name: str) -> Preset:
        with self.lock:
            return self.preset_rows.put(Preset(**self.fresh(), **preset_body(role_named(name))))

    def remove_preset(self, name: str) -> None:
        with self.lock:
            preset = self.preset_named(self.app_id, name)
            if preset is None:
                raise LookupError(f"no preset {name}")
            self.preset_rows.drop(preset.id)

    def participants(self, meeting_id: str) -> list[Participant]:
        """Everybody who really is there, whatever a list would hide."""
        with self.lock:
            return self.roster.of(meeting_id)

    def add_participant(
        self,
        meeting_id: str,
        custom_participant_id: str,
        preset_name: str,
        *,
        name: str | None = None,
        picture: str | None = None,
        hide_for: timedelta | None = None,
    ) -> Participant:
        """Raises Refusal: 400 without such a preset, 409 when duplicates conflict."""
        with self.lock:
            meeting = self._meeting(meeting_id)
            preset = self.require_preset(meeting.app_id, preset_name)
            present = self.roster.known_as(meeting_id, custom_participant_id)
            if present and self._settings.duplicates == "conflict":
                raise Refusal(409, f'Participant with custom_participant_id "{custom_participant_id}" exists')
            if present and self._settings.duplicates == "same":
                return present[-1]
            participant = Participant(
                **self.fresh(meeting.app_id),
                meeting_id=meeting_id,
                custom_participant_id=custom_participant_id,
                preset_id=preset.id,
                preset_name=preset.name,
                name=name,
                picture=picture,
            )
            if hide_for is not None:
                self.roster.hide(participant.id, self.now() + hide_for)
            return self.roster.put(participant)

    def require_preset(self, app_id: str, name: str) -> Preset:
        preset = self.preset_named(app_id, name)
        if preset is None:
            raise Refusal(400, f"No preset found with name {name}")
        return preset

    def remove_participant(self, meeting_id: str, participant_id: str) -> Participant:
        with self.lock:
            participant = self._participant(meeting_id, participant_id)
            self.roster.drop(participant)
            return participant

    def start_session(self, meeting_id: str, participant_ids: Iterable[str]) -> Session:
        """Lets these participants into the meeting's session, which begins if none is live."""
        with self.lock:
            joining = [self._participant(meeting_id, key) for key in participant_ids]
            return self.sessions.join(self._meeting(meeting_id), joining, self.now())

    def join(self, meeting_id: str, participant_id: str) -> Peer:
        """One tab of a participant enters; the session begins if none is live."""
        return self.start_session(meeting_id, [participant_id]).peers[-1]

    def leave(self, peer_id: str) -> Peer:
        """One tab leaves. Raises LookupError when nobody is inside as that peer."""
        with self.lock:
            for meeting_id in self.sessions.live_meetings:
                session = self.session(meeting_id)
                if session is not None and (gone := self.sessions.leave(session, [peer_id], self.now())):
                    return gone[0]
        raise LookupError(f"nobody is inside as {peer_id}")

    def leave_all(self, meeting_id: str, participant_id: str) -> list[Peer]:
        """Every tab of a participant leaves."""
        with self.lock:
            session = self.session(meeting_id)
            if session is None:
                return []
            theirs = [peer.id for peer in session.present if peer.participant_id == participant_id]
            return self.sessions.leave(session, theirs, self.now())

    def find_peer(self, peer_id: str) -> Peer:
        with self.lock:
            for session in self.sessions.all():
                for peer in session.peers:
                    if peer.id == peer_id:
                        return peer
        raise LookupError(f"nobody is inside as {peer_id}")

    def end_session(self, meeting_id: str) -> Session:
        with self.lock:
            live = self.session(meeting_id)
            if live is None:
                raise LookupError(f"no live session in meeting {meeting_id}")
            return self.sessions.end(live, self.now())

    def session(self, meeting_id: str) -> Session | None:
        """The live one: `.present` are the peers inside, `.peers` everybody who was."""
        with self.lock:
            return self.sessions.live(self._meeting(meeting_id), self.now())

    def issue_token(self, participant: Participant) -> str:
        return tokens.issue(
            self._keys["tokens"],
            app_id=participant.app_id,
            meeting_id=participant.meeting_id,
            participant_id=participant.id,
            now=self.now(),
            lifetime=self._settings.token_lifetime,
        )

    def accepts(self, token: str) -> bool:
        """Whether RealtimeKit would let the holder in now."""
        return self.judge(token) == "ok"

    def judge(self, token: str) -> str:
        """`ok`, or why not: bad_token, expired, participant_gone, meeting_inactive."""
        try:
            claims = tokens.read(self._keys["tokens"], token)
        except BadTokenError:
            return "bad_token"
        with self.lock:
            participant = self.roster.get(claims.participant_id)
            meeting = self.meeting_rows.get(claims.meeting_id)
        if claims.expires_at is not None and claims.expires_at <= self.now().timestamp():
            return "expired"
        if participant is None or meeting is None:
            return "participant_gone"
        return "ok" if meeting.status == "ACTIVE" else "meeting_inactive"

    def participant_of(self, token: str) -> str:
        """The participant id a token was issued for, expired or not. Raises BadTokenError (a ValueError)."""
        return tokens.read(self._keys["tokens"], token).participant_id

    def rotate_webhook_key(self) -> SigningKey:
        """From now on deliveries are signed with a new key, and that one is published."""
        with self.lock:
            key = self._keys["webhooks"] = SigningKey.generate()
            self._keep_keys()
            return key

    def _tell(self, happening: Happening) -> None:
        """To every registration that asked for it. Signed now: a delivery under way keeps its key."""
        app = self.app_rows.get(happening.session.app_id)
        wanted = [
            row
            for row in self.webhook_rows.all()
            if row.app_id == happening.session.app_id and row.enabled and happening.event in row.events
        ]
        if app is None or not wanted:
            return
        body = json.dumps(happening.describe(app), separators=(",", ":")).encode()
        signature = self.webhook_key.sign(body)
        for row in wanted:
            self._post(Parcel(happening.event, row.id, row.url, body, signature))

    def close_emptied(self) -> None:
        """A room left by the last one ends by itself, whether or not anybody asks for it."""
        with self.lock:
            for meeting_id in self.sessions.live_meetings:
                self.session(meeting_id)

    @property
    def webhook_key(self) -> SigningKey:
        return self._keys["webhooks"]

    def _meeting(self, meeting_id: str) -> Meeting:
        meeting = self.meeting_rows.get(meeting_id)
        if meeting is None:
            raise LookupError(f"no meeting {meeting_id}")
        return meeting

    def _participant(self, meeting_id: str, participant_id: str) -> Participant:
        participant = self.roster.get(participant_id)
        if participant is None or participant.meeting_id != meeting_id:
            raise LookupError(f"no participant {participant_id} in meeting {meeting_id}")
        return participant

    def _ensure_app(self) -> None:
        if self.app_rows.get(self.app_id) is None:
            self.app_rows.put(App(id=self.app_id, name="Sandbox", created_at=self.now()))
            for role in ROLES:
                self.preset_rows.put(Preset(**self.fresh(), **preset_body(role)))

    def _key(self, state: State, purpose: str) -> SigningKey:
        if not self._keeps_state:
            return tokens.shared_key(purpose)
        kept: Json | None = state.get("key", {}).get(purpose)
        if kept is not None:
            return SigningKey.from_pem(kept["pem"])
        key = SigningKey.generate()
        self._journal.put("key", purpose, {"pem": key.private_pem})
        return key

    def _keep_keys(self) -> None:
        for purpose, key in self._keys.items():
            self._journal.put("key", purpose, {"pem": key.private_pem})
