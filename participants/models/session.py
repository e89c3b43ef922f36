"""Who came: mirrors of sessions and of the connections in them, and what became of each person in each session.

RealtimeKit forgets after six months (contract 2.5). Rows are keyed by what deliveries and listings both carry, so
that whichever comes first makes the row and the other adds to it.
"""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from participants.models.apikey import ApiKey
from participants.models.base import Identified, Mirrored
from participants.models.meeting import Meeting
from participants.models.participant import Participant
from participants.states import KnownBy


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> "SessionQuerySet":
        return self.filter(ended_at=None)

    def ended(self) -> "SessionQuerySet":
        return self.exclude(ended_at=None)


class Session(Identified, Mirrored):
    """A live run of a meeting. ``realtimekit_id`` is the session's.

    The window is the meeting's as it was when the session began; who was enrolled then has a ``Presence``. The counts
    are of these, kept by ``services.tallies``: a list of sessions counts no people.
    """

    meeting = models.ForeignKey(
        Meeting, null=True, blank=True, on_delete=models.PROTECT, related_name="sessions", editable=False
    )
    remote_meeting_id = models.CharField(
        max_length=255, db_index=True, editable=False, help_text="Kept where we know no such meeting."
    )
    title = models.CharField(max_length=255, blank=True, default="", editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_known_by = models.CharField(
        max_length=16, choices=KnownBy.choices, blank=True, default="", editable=False
    )
    ended_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_known_by = models.CharField(max_length=16, choices=KnownBy.choices, blank=True, default="", editable=False)
    end_reason = models.CharField(max_length=64, blank=True, default="", editable=False)
    opens_at = models.DateTimeField(null=True, blank=True, editable=False)
    closes_at = models.DateTimeField(null=True, blank=True, editable=False)
    rolled_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When window and enrolled list were noted."
    )
    pulled_at = models.DateTimeField(null=True, blank=True, editable=False)
    pull_due_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    pull_attempts = models.PositiveIntegerField(default=0, editable=False)
    last_error_code = models.CharField(max_length=64, blank=True, default="", editable=False)
    expected_count = models.PositiveIntegerField(default=0, editable=False, help_text="Enrolled when it began.")
    came_count = models.PositiveIntegerField(default=0, editable=False)
    absent_count = models.PositiveIntegerField(default=0, editable=False)
    present_seconds = models.PositiveBigIntegerField(default=0, editable=False, help_text="Of everybody together.")

    objects = SessionQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["realtimekit_id"], name="session_realtimekit_id_unique"),
            models.CheckConstraint(condition=Q(realtimekit_id__isnull=False), name="session_has_realtimekit_id"),
        ]
        indexes = [
            models.Index(fields=["meeting", "started_at", "id"], name="session_of_meeting"),
            models.Index(fields=["started_at"], condition=Q(ended_at=None), name="session_live"),
            models.Index(fields=["realtimekit_id"], opclasses=["varchar_pattern_ops"], name="session_by_remote_id"),
            # What the list of sessions is sorted by.
            models.Index(fields=["started_at", "id"], name="session_started"),
            models.Index(fields=["ended_at", "started_at", "id"], name="session_ended"),
            models.Index(fields=["came_count", "started_at", "id"], name="session_came"),
            models.Index(fields=["absent_count", "started_at", "id"], name="session_absent"),
        ]

    def __str__(self) -> str:
        when = f" ({self.started_at:%Y-%m-%d %H:%M})" if self.started_at else ""
        return f"{self.meeting or self.title or self.remote_meeting_id}{when}"

    @property
    def is_live(self) -> bool:
        return self.ended_at is None


class Attendance(Identified):
    """One connection (peer) of one participant in one session. Two tabs are two rows.

    ``participant`` is empty for recorders and for custom ids that we do not know.
    """

    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="attendances", editable=False)
    peer_id = models.CharField(max_length=255, editable=False)
    participant = models.ForeignKey(
        Participant, null=True, blank=True, on_delete=models.PROTECT, related_name="attendances", editable=False
    )
    custom_participant_id = models.CharField(max_length=255, blank=True, default="", db_index=True, editable=False)
    name = models.CharField(max_length=255, blank=True, default="", editable=False)
    preset_name = models.CharField(max_length=255, blank=True, default="", editable=False)
    joined_at = models.DateTimeField(null=True, blank=True, editable=False)
    joined_known_by = models.CharField(max_length=16, choices=KnownBy.choices, blank=True, default="", editable=False)
    left_at = models.DateTimeField(null=True, blank=True, editable=False)
    left_known_by = models.CharField(max_length=16, choices=KnownBy.choices, blank=True, default="", editable=False)
    is_recorder = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["joined_at", "id"]
        constraints = [models.UniqueConstraint(fields=["session", "peer_id"], name="attendance_once_per_peer")]
        indexes = [models.Index(fields=["participant", "joined_at"], name="attendance_of_participant")]

    def __str__(self) -> str:
        return f"{self.name or self.custom_participant_id or self.peer_id} in {self.session}"


_ORDER = ("began_at", "id")
_ASKED = ("first_joined_at", "seconds", "share", "late_seconds", "left_early_seconds")


class Presence(Identified):
    """What became of one participant in one session: the union of their connections, computed anew at every news.

    Whoever was enrolled when the session began has a row, come or not. Staff may correct the minutes, with a
    reason; what was measured stays. Seconds are whole.

    ``meeting`` and ``began_at`` are the session's, copied: lists of millions are in the order of the sessions, and an
    order that comes of a join has no index.
    """

    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, related_name="presences", editable=False, db_index=False
    )
    participant = models.ForeignKey(
        Participant, on_delete=models.PROTECT, related_name="presences", editable=False, db_index=False
    )
    meeting = models.ForeignKey(
        Meeting,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
        db_constraint=False,
        db_index=False,
        help_text="The session's.",
    )
    began_at = models.DateTimeField(
        editable=False, help_text="When the session began, or else when it was first heard of."
    )
    was_enrolled = models.BooleanField(default=False, editable=False, help_text="When the session began.")
    first_joined_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_left_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Empty while present, and for who never came."
    )
    is_present = models.BooleanField(default=False, editable=False)
    connections = models.PositiveIntegerField(default=0, editable=False)
    rejoins = models.PositiveIntegerField(default=0, editable=False, help_text="Times they came back after a gap.")
    measured_seconds = models.PositiveIntegerField(default=0, editable=False)
    corrected_seconds = models.PositiveIntegerField(null=True, blank=True, editable=False)
    correction_reason = models.CharField(max_length=300, blank=True, default="", editable=False)
    corrected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="corrected_presences",
        editable=False,
    )
    corrected_key = models.ForeignKey(
        ApiKey, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    corrected_at = models.DateTimeField(null=True, blank=True, editable=False)
    late_seconds = models.PositiveIntegerField(null=True, blank=True, editable=False)
    left_early_seconds = models.PositiveIntegerField(null=True, blank=True, editable=False)
    share_of_window = models.FloatField(null=True, blank=True, editable=False, help_text="0 to 1.")
    share_of_session = models.FloatField(null=True, blank=True, editable=False, help_text="0 to 1.")
    seconds = models.GeneratedField(
        expression=Coalesce(F("corrected_seconds"), F("measured_seconds")),
        output_field=models.PositiveIntegerField(),
        db_persist=True,
    )
    share = models.GeneratedField(
        expression=Coalesce(F("share_of_window"), F("share_of_session"), 0.0),
        output_field=models.FloatField(),
        db_persist=True,
    )

    class Meta:
        ordering = ["-began_at", "-id"]
        verbose_name = "attendance"
        verbose_name_plural = "attendance"
        permissions = [("correct_presence", "Can correct the minutes that were measured")]
        constraints = [
            models.UniqueConstraint(fields=["session", "participant"], name="presence_once_per_session"),
            models.CheckConstraint(
                condition=Q(corrected_seconds=None) | ~Q(correction_reason=""), name="presence_correction_has_reason"
            ),
        ]
        # The list is in the order of (began_at, id). A question of many rows walks the first, in which all that it
        # looks at stands; a question of few has an index of its own, in that order within each value.
        indexes = [
            models.Index(fields=[*_ORDER, "participant", "meeting", *_ASKED], name="presence_listed"),
            models.Index(
                fields=["participant", *_ORDER, *_ASKED, "is_present", "corrected_seconds"],
                name="presence_of_participant",
            ),
            models.Index(fields=["meeting", *_ORDER], name="presence_of_meeting"),
            models.Index(fields=["first_joined_at", *_ORDER, "participant"], name="presence_first_joined"),
            models.Index(fields=["last_left_at", *_ORDER], name="presence_last_left"),
            models.Index(fields=["seconds", *_ORDER, "participant"], name="presence_seconds"),
            models.Index(fields=["share", *_ORDER, "participant"], name="presence_share"),
            models.Index(fields=["late_seconds", *_ORDER, "participant"], name="presence_late"),
            models.Index(fields=["left_early_seconds", *_ORDER, "participant"], name="presence_left_early"),
            models.Index(fields=[*_ORDER, "participant"], condition=Q(is_present=True), name="presence_inside"),
            models.Index(
                fields=[*_ORDER, "participant"],
                condition=Q(corrected_seconds__isnull=False),
                name="presence_corrected",
            ),
            models.Index(
                fields=["participant"],
                condition=Q(corrected_seconds__isnull=False),
                name="presence_of_corrected",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.participant.effective_name} in {self.session}"

    @property
    def came(self) -> bool:
        return self.first_joined_at is not None

    def describe_state(self) -> str:
        """present, left or never_came."""
        return "present" if self.is_present else "left" if self.came else "never_came"
