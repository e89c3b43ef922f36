from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q

from participants.models.base import CHANGE_REFUSED, Identified, Leased, LeasedQuerySet, Mirrored
from participants.models.consent import ConsentText
from participants.models.preset import Preset
from participants.states import MEETING_MOVES, AdmissionPolicy, MeetingState, MeetingStatus

OPENS_EARLY = timedelta(seconds=60)
"""The remote room opens this long before the schedule says, so that the first click finds it open (design 2.6)."""


def should_be_active(now: datetime) -> Q:
    """Rows whose remote status should be ACTIVE at ``now`` (design 2.6), the same rule as ``wants_active``."""
    inside = (Q(opens_at=None) | Q(opens_at__lte=now + OPENS_EARLY)) & (Q(closes_at=None) | Q(closes_at__gt=now))
    return Q(status=MeetingStatus.ACTIVE) & (Q(enforce_window=False) | inside)


def _drifted(now: datetime) -> Q:
    active = should_be_active(now)
    wrong_status = (active & ~Q(applied_status=MeetingStatus.ACTIVE)) | (
        ~active & ~Q(applied_status=MeetingStatus.INACTIVE)
    )
    # A refused title waits for staff; it must not keep the schedule from being applied.
    wrong_title = ~Q(applied_title=F("title")) & ~Q(last_error_code=CHANGE_REFUSED)
    return Q(state=MeetingState.CREATED) & (wrong_status | wrong_title)


class MeetingQuerySet(LeasedQuerySet["Meeting"]):
    moves = MEETING_MOVES

    def drifted(self, now: datetime) -> "MeetingQuerySet":
        """Made remotely, but with a title or status that is not the one wanted now."""
        return self.filter(_drifted(now))

    def unsettled(self, now: datetime) -> "MeetingQuerySet":
        """Everything a converging pass has to look at."""
        return self.filter(Q(state=MeetingState.PENDING) | Q(verify_after__lte=now) | _drifted(now))


class Meeting(Identified, Mirrored, Leased):
    """Our row for a RealtimeKit meeting (a reusable room) plus what RealtimeKit has not: schedule, policy, managers.

    Our database owns title, status and schedule; RealtimeKit holds a projection (``applied_*``). ``state``
    moves as ``states.MEETING_MOVES`` says.
    """

    state = models.CharField(
        max_length=16, choices=MeetingState.choices, default=MeetingState.PENDING, editable=False
    )
    title = models.CharField(max_length=100)
    applied_title = models.CharField(max_length=200, blank=True, default="", editable=False)
    status = models.CharField(
        max_length=16,
        choices=MeetingStatus.choices,
        default=MeetingStatus.ACTIVE,
        help_text="Inactive keeps everybody out, whatever the schedule says.",
    )
    applied_status = models.CharField(max_length=32, blank=True, default="", editable=False)
    opens_at = models.DateTimeField(null=True, blank=True, help_text="Empty: open at once. Times are UTC.")
    closes_at = models.DateTimeField(null=True, blank=True, help_text="Empty: stays open.")
    enforce_window = models.BooleanField(
        default=True,
        help_text="Close the room at RealtimeKit too outside these times, and end a session that overruns.",
    )
    admission = models.CharField(max_length=16, choices=AdmissionPolicy.choices, default=AdmissionPolicy.INVITED)
    default_preset = models.ForeignKey(
        Preset, null=True, blank=True, on_delete=models.PROTECT, related_name="meetings"
    )
    capacity = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Empty: no limit."
    )
    managers = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="managed_meetings",
        help_text="These users may manage this meeting without wider rights.",
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="meetings")
    sends_notices = models.BooleanField(
        "send notices",
        default=False,
        help_text="Mail people when they are enrolled or removed, and when their role or the time changes.",
    )
    takes_requests = models.BooleanField(
        "take access requests",
        default=False,
        help_text="Whoever is signed in and not enrolled may ask to be let in; you decide.",
    )
    consent = models.ForeignKey(
        ConsentText,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
        db_index=False,
        help_text="What people have to agree to before they join. Empty: nothing.",
    )
    participants_synced_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When a sync last began to read its participants."
    )
    compared_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it last began to be compared with RealtimeKit."
    )

    objects = MeetingQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "id"]
        permissions = [("view_connection", "Can see and test the connection to RealtimeKit")]
        constraints = [
            models.UniqueConstraint(
                fields=["realtimekit_id"],
                condition=Q(realtimekit_id__isnull=False),
                name="meeting_realtimekit_id_unique",
            ),
            models.CheckConstraint(condition=Q(state__in=MeetingState.values), name="meeting_state_known"),
            models.CheckConstraint(
                condition=~Q(state=MeetingState.CREATED) | Q(realtimekit_id__isnull=False),
                name="meeting_created_has_realtimekit_id",
            ),
            models.CheckConstraint(
                condition=Q(opens_at=None) | Q(closes_at=None) | Q(closes_at__gt=F("opens_at")),
                name="meeting_closes_after_it_opens",
                violation_error_message="The meeting must close after it opens.",
            ),
            models.CheckConstraint(
                condition=Q(admission=AdmissionPolicy.INVITED) | Q(default_preset__isnull=False),
                name="meeting_open_admission_has_preset",
                violation_error_message="Letting everybody in who is signed in needs a default preset.",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "next_attempt_at"], name="meeting_work"),
            models.Index(fields=["title", "id"], name="meeting_titled"),
            models.Index(fields=["created_at", "id"], name="meeting_newest"),
            models.Index(fields=["opens_at"], name="meeting_opens"),
        ]

    def __str__(self) -> str:
        return self.title

    def clean(self) -> None:
        super().clean()
        self.title = " ".join(self.title.split())
        if self.opens_at and self.closes_at and self.closes_at <= self.opens_at:
            text = "The meeting must close after it opens."
            raise ValidationError({"closes_at": ValidationError(text, code="closes_before_it_opens")})
        if self.admission == AdmissionPolicy.SIGNED_IN and self.default_preset_id is None:
            text = "Letting everybody in who is signed in needs a default preset."
            raise ValidationError({"default_preset": ValidationError(text, code="default_preset_needed")})

    @property
    def consent_text(self) -> str:
        """Blank where nothing is asked."""
        return self.consent.text if self.consent else ""

    @property
    def reference(self) -> str:
        """Marks our meeting in a remote title until its creation is settled (contract 18, row 3)."""
        return f"rc-{self.pk.hex[:12]}"

    @property
    def title_on_creation(self) -> str:
        # Kept as short as any title of ours: what RealtimeKit takes at most is not published (contract 18, row 31).
        mark = f" [{self.reference}]"
        return self.title[: 100 - len(mark)] + mark

    def wants_active(self, now: datetime) -> bool:
        """Whether the remote status should be ACTIVE at ``now`` (design 2.6)."""
        if self.status != MeetingStatus.ACTIVE:
            return False
        if not self.enforce_window:
            return True
        opened = self.opens_at is None or self.opens_at <= now + OPENS_EARLY
        return opened and (self.closes_at is None or now < self.closes_at)

    def find_drift(self, now: datetime) -> dict[str, Any]:
        """What a PATCH has to say so that the remote meeting is as wanted now; empty when it is."""
        changes: dict[str, Any] = {}
        if self.title != self.applied_title:
            changes["title"] = self.title
        wanted = MeetingStatus.ACTIVE if self.wants_active(now) else MeetingStatus.INACTIVE
        if self.applied_status != wanted:
            changes["status"] = wanted.value
        return changes
