from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, NullIf

from participants.models.base import CHANGE_REFUSED, Identified, Leased, LeasedQuerySet
from participants.models.consent import ConsentText
from participants.models.fields import EncryptedTextField
from participants.models.meeting import Meeting
from participants.models.person import Person
from participants.models.preset import Preset
from participants.states import (
    OCCUPYING,
    PARTICIPANT_MOVES,
    ExpirySource,
    MeetingState,
    ParticipantState,
    RemovalCause,
    Source,
)

NAME_LIMIT = 100
"""Longest name and title we send (contract 18, row 31)."""


NO_TOKEN = Q(token__isnull=True) | Q(token_expires_at=None)
_ORDER = ("updated_at", "id")


def _drifted() -> Q:
    wanted = Coalesce(NullIf("name", Value("")), F("person__display_name"))
    differs = (
        ~Q(applied_preset=F("preset__name"))
        | ~Q(applied_name=wanted)
        | (~Q(person__picture_url="") & ~Q(applied_picture=F("person__picture_url")))
    )
    return Q(state=ParticipantState.ENROLLED) & differs


class ParticipantQuerySet(LeasedQuerySet["Participant"]):
    moves = PARTICIPANT_MOVES

    def with_relations(self) -> "ParticipantQuerySet":
        related = ("meeting", "meeting__default_preset", "person", "person__user", "preset")
        # A join reads nothing of what RealtimeKit last said of them.
        return self.select_related(*related).defer("raw")

    def occupying(self) -> "ParticipantQuerySet":
        return self.filter(state__in=OCCUPYING)

    def never_sent(self) -> "ParticipantQuerySet":
        """Pending, and RealtimeKit has certainly never heard of them nor is just being told."""
        doubtless = self.filter(realtimekit_id=None, outcome_unknown=False, verify_after=None)
        return doubtless.unleased().filter(state=ParticipantState.PENDING)  # type: ignore[return-value]  # its subclass

    def drifted(self) -> "ParticipantQuerySet":
        """Enrolled, but with a preset, name or picture that is not the one wanted."""
        return self.filter(_drifted())

    def unsettled(self, now: datetime) -> "ParticipantQuerySet":
        """Everything a converging pass has to look at; a refused change of an enrolled row waits for staff."""
        working = Q(state__in=(ParticipantState.PENDING, ParticipantState.REMOVING))
        # Not by pk__in beside OR: from some 200,000 rows on PostgreSQL goes through the list inside for each row.
        drifted = _drifted() & ~Q(last_error_code=CHANGE_REFUSED)
        return self.filter(working | Q(verify_after__lte=now) | drifted).exclude(
            state=ParticipantState.PENDING, meeting__state=MeetingState.FAILED
        )

    def of_inactive(self) -> "ParticipantQuerySet":
        """Rows that should be removed because their person may no longer enter anything (design 2.5)."""
        gone = (
            Q(person__user__is_active=False)
            | Q(person__blocked_at__isnull=False)
            | Q(person__erased_at__isnull=False)
            | Q(person__merged_into__isnull=False)
        )
        return self.filter(
            gone, state__in=(ParticipantState.PENDING, ParticipantState.FAILED, ParticipantState.ENROLLED)
        )


class Participant(Identified, Leased):
    """One person's enrolment in one meeting, with a preset. At most one row per (meeting, person), for ever.

    Staff's wish (``preset``, ``name``, ``state``) is the truth here; RealtimeKit holds a projection
    (``realtimekit_id``, ``applied_*``). ``token_expires_at`` alone decides on expiry.
    """

    meeting = models.ForeignKey(Meeting, on_delete=models.PROTECT, related_name="participants")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="participants", db_index=False)
    custom_participant_id = models.CharField(max_length=255, editable=False, db_index=True)
    preset = models.ForeignKey(Preset, on_delete=models.PROTECT, related_name="participants", db_index=False)
    name = models.CharField(max_length=NAME_LIMIT, blank=True, default="", help_text="Empty: the person's name.")
    realtimekit_id = models.CharField("RealtimeKit id", max_length=255, null=True, blank=True, editable=False)
    applied_preset = models.CharField(max_length=255, blank=True, default="", editable=False)
    applied_name = models.CharField(max_length=255, blank=True, default="", editable=False)
    applied_picture = models.CharField(max_length=500, blank=True, default="", editable=False)
    state = models.CharField(
        max_length=16, choices=ParticipantState.choices, default=ParticipantState.PENDING, editable=False
    )
    source = models.CharField(max_length=16, choices=Source.choices, editable=False)
    enrolled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="enrolled_participants",
        editable=False,
        db_index=False,
    )
    batch = models.ForeignKey(
        "participants.Batch",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="participants",
        editable=False,
        db_index=False,
        help_text="The bulk enrolment that enrolled them, and whose undoing removes them.",
    )
    token = EncryptedTextField(null=True, blank=True, editable=False)
    token_issued_at = models.DateTimeField(null=True, blank=True, editable=False)
    token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    token_expiry_source = models.CharField(
        max_length=16, choices=ExpirySource.choices, blank=True, default="", editable=False
    )
    refresh_tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    refresh_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)
    away_from = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When they were removed before they were last restored."
    )
    away_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When they were last restored."
    )
    removed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="removed_participants",
        editable=False,
    )
    removal_cause = models.CharField(
        max_length=16,
        choices=RemovalCause.choices,
        blank=True,
        default="",
        editable=False,
        help_text="Why they were removed last; blank is anything else. Says nothing of those who are not removed.",
    )

    first_came_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="To any session. Empty: they never came."
    )

    consented_to = models.ForeignKey(
        ConsentText,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
        db_index=False,
        help_text="What they agreed to last. They are asked again where it is no longer the meeting's text.",
    )
    consented_at = models.DateTimeField(null=True, blank=True, editable=False)

    raw = models.JSONField(default=dict, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    gone_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        permissions = [
            ("issue_token", "Can issue a participant token to a trusted back end"),
            ("remove_participant", "Can remove a participant from a meeting"),
            ("restore_participant", "Can restore a removed participant"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["meeting", "person"], name="participant_once_per_meeting"),
            models.UniqueConstraint(
                fields=["meeting", "custom_participant_id"], name="participant_custom_id_unique_in_meeting"
            ),
            models.UniqueConstraint(
                fields=["meeting", "realtimekit_id"],
                condition=Q(realtimekit_id__isnull=False),
                name="participant_realtimekit_id_unique_in_meeting",
            ),
            models.CheckConstraint(condition=Q(state__in=ParticipantState.values), name="participant_state_known"),
            models.CheckConstraint(
                condition=~Q(state=ParticipantState.ENROLLED) | Q(realtimekit_id__isnull=False),
                name="participant_enrolled_has_realtimekit_id",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=Q(state__in=["pending", "removing"]),
                name="participant_work",
            ),
            models.Index(fields=["verify_after"], condition=Q(verify_after__isnull=False), name="participant_verify"),
            models.Index(fields=["meeting", "state"], name="participant_meeting_state"),
            models.Index(fields=["meeting", "person"], condition=Q(source="group"), name="participant_of_group"),
            # The list is in the order of (updated_at, id); what it is asked for is in that order within each value.
            models.Index(fields=[*_ORDER, "created_at", "first_came_at", "person"], name="participant_changed"),
            models.Index(fields=["person", "id"], name="participant_of_person"),
            models.Index(fields=["state", *_ORDER], name="participant_by_state"),
            models.Index(fields=["source", *_ORDER], name="participant_by_source"),
            models.Index(fields=["preset", *_ORDER], name="participant_by_preset"),
            models.Index(fields=["enrolled_by", *_ORDER], name="participant_by_enroller"),
            models.Index(fields=["batch", *_ORDER], name="participant_by_batch"),
            models.Index(fields=["created_at", *_ORDER], name="participant_enrolled"),
            models.Index(fields=["token_expires_at", *_ORDER], name="participant_token"),
            models.Index(
                fields=["token_expires_at", *_ORDER, "token_issued_at"],
                condition=Q(token__isnull=False),
                name="participant_with_token",
            ),
            models.Index(fields=["first_came_at", *_ORDER], name="participant_first_came"),
            models.Index(
                fields=["realtimekit_id"], opclasses=["varchar_pattern_ops"], name="participant_by_remote_id"
            ),
            models.Index(fields=[*_ORDER], condition=NO_TOKEN, name="participant_no_token"),
            models.Index(fields=[*_ORDER], condition=Q(first_came_at=None), name="participant_never_came"),
        ]

    def __str__(self) -> str:
        return f"{self.effective_name} in {self.meeting}"

    @property
    def effective_name(self) -> str:
        return (self.name or self.person.display_name)[:NAME_LIMIT]

    def find_drift(self) -> dict[str, Any]:
        """What a PATCH has to say so that the remote participant is as wanted; empty when it is."""
        changes: dict[str, Any] = {}
        if self.applied_preset != self.preset.name:
            changes["preset_name"] = self.preset.name
        if self.applied_name != self.effective_name:
            changes["name"] = self.effective_name
        if self.person.picture_url and self.applied_picture != self.person.picture_url:
            changes["picture"] = self.person.picture_url
        return changes
