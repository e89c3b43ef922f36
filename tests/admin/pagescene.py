"""One meeting with a row of every kind that has a page, and the arguments of every page's address."""

from functools import cached_property
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone

from participants.models import (
    AccessRequest,
    Actor,
    Delivery,
    Event,
    EventKind,
    Export,
    Meeting,
    Participant,
    Person,
    Presence,
    SavedReport,
    Session,
)
from participants.models.event import record
from participants.services import invitations
from participants.services.invitations import Issued
from participants.states import ExportState, ReportSubject
from tests.api.matrix_of_invitations import queue_mail
from tests.factories import (
    AdminFactory,
    ApiKeyFactory,
    BatchFactory,
    DriftReportFactory,
    EnrolledFactory,
    GuestFactory,
    HookMessageFactory,
    PersonFactory,
    PresenceFactory,
    SessionFactory,
    UserFactory,
)

BY = Actor(via="tests")


class Scene:
    """What a page does not ask for is not made, and nothing is made twice."""

    def __init__(self) -> None:
        self._made: dict[str, Model] = {}

    @cached_property
    def participant(self) -> Participant:
        row: Participant = EnrolledFactory()
        return row

    @property
    def meeting(self) -> Meeting:
        return self.participant.meeting

    @property
    def person(self) -> Person:
        return self.participant.person

    @cached_property
    def superuser(self) -> User:
        user: User = AdminFactory()
        return user

    @cached_property
    def invitation(self) -> Issued:
        return invitations.issue(self.participant, by=BY, mail=False)

    @cached_property
    def session(self) -> Session:
        row: Session = SessionFactory(meeting=self.meeting)
        return row

    @cached_property
    def guest(self) -> Person:
        """Whose address is that of the scene's person."""
        row: Person = GuestFactory(email=self.person.email)
        return row

    @cached_property
    def file(self) -> Export:
        """The superuser's."""
        about = {"subject": ReportSubject.ATTENDANCE, "asked_by": self.superuser}
        return Export.objects.create(**about, state=ExportState.READY, content=b"a file")

    @cached_property
    def report(self) -> SavedReport:
        """The superuser's."""
        return SavedReport.objects.create(name="Theirs", subject=ReportSubject.ATTENDANCE, owner=self.superuser)

    def make(self, model: str) -> Model:
        """The row of the model of this name, of the scene's meeting where it is of one."""
        if model not in self._made:
            self._made[model] = _MAKERS[model](self)
        return self._made[model]


_MAKERS: dict[str, Any] = {
    "participants_meeting": lambda scene: scene.meeting,
    "participants_participant": lambda scene: scene.participant,
    "participants_invitation": lambda scene: scene.invitation.invitation,
    "participants_accessrequest": lambda scene: AccessRequest.objects.create(
        meeting=scene.meeting, person=PersonFactory()
    ),
    "participants_message": lambda scene: queue_mail(scene.participant),
    "participants_presence": lambda scene: _make_presence(scene),
    "participants_session": lambda scene: scene.session,
    "participants_batch": lambda scene: BatchFactory(meeting=scene.meeting),
    "participants_driftreport": lambda scene: DriftReportFactory(meeting=scene.meeting),
    "participants_person": lambda scene: scene.person,
    "participants_preset": lambda scene: scene.meeting.default_preset,
    "participants_event": lambda scene: _make_event(scene),
    "participants_delivery": lambda scene: Delivery.objects.create(body_hash="1", received_at=timezone.now()),
    "participants_apikey": lambda scene: ApiKeyFactory(all_meetings=False, meetings=[scene.meeting]),
    "participants_hook": lambda scene: HookMessageFactory().hook,
    "participants_hookmessage": lambda scene: HookMessageFactory(),
    "auth_group": lambda scene: Group.objects.create(name="Teachers"),
    "auth_user": lambda scene: UserFactory(),
    "axes_accessattempt": lambda scene: AccessAttempt.objects.create(failures_since_start=1),
    "axes_accesslog": lambda scene: AccessLog.objects.create(),
    "axes_accessfailurelog": lambda scene: AccessFailureLog.objects.create(),
}


def _make_presence(scene: Scene) -> Presence:
    row: Presence = PresenceFactory(session=scene.session, participant=scene.participant)
    return row


def _make_event(scene: Scene) -> Event:
    record(EventKind.REPORT_SAVED, BY, name="Of the scene", person=scene.person)
    return Event.objects.latest("pk")


ARGUMENTS: dict[str, Any] = {
    "report_delete": lambda scene: {"pk": scene.report.pk},
    "export_download": lambda scene: {"pk": scene.file.pk},
    "mail_text": lambda scene: {"kind": "invitation"},
    "app_list": lambda scene: {"app_label": "participants"},
    "view_on_site": lambda scene: {
        "content_type_id": ContentType.objects.get_for_model(Meeting).pk,
        "object_id": scene.meeting.pk,
    },
    "participants_participant_act": lambda scene: {"pk": scene.participant.pk, "name": "remove"},
    "participants_invitation_send": lambda scene: {"meeting_pk": scene.meeting.pk},
    "participants_invitation_all": lambda scene: {"meeting_pk": scene.meeting.pk},
    "participants_invitation_of": lambda scene: {"participant_pk": scene.participant.pk},
    "participants_batch_act": lambda scene: {"pk": scene.make("participants_batch").pk, "action": "stop"},
    "participants_driftreport_compare": lambda scene: {"pk": scene.meeting.pk},
    "participants_person_merge": lambda scene: {
        "pk": scene.person.pk,
        "guest_pk": scene.guest.pk,
    },
    "auth_user_password_change": lambda scene: {"id": UserFactory().pk},
}
"""Of pages whose address does not simply hold the key of a row of their model, which the others are given."""


def find_arguments(scene: Scene, name: str, parameters: set[str]) -> dict[str, Any]:
    """``parameters`` are those of the route."""
    if name in ARGUMENTS:
        found: dict[str, Any] = ARGUMENTS[name](scene)
        return found
    if not parameters:
        return {}
    (parameter,) = parameters
    return {parameter: scene.make("_".join(name.split("_")[:2])).pk}
