from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django_tasks_db.models import DBTaskResult

from config.policy import without_trusted_types
from participants.admin import connection, dashboard, mailtexts
from participants.admin.accessrequests import AccessRequestAdmin
from participants.admin.accounts import TellsOfRemovals
from participants.admin.apikeys import ApiKeyAdmin
from participants.admin.attendance import AttendanceAdmin
from participants.admin.autocompletion import PeopleAutocomplete
from participants.admin.batches import BatchAdmin
from participants.admin.deliveries import DeliveryAdmin
from participants.admin.drift import DriftReportAdmin
from participants.admin.events import EventAdmin
from participants.admin.factors import ResetsFactors
from participants.admin.hookmessages import HookMessageAdmin
from participants.admin.hooks import HookAdmin
from participants.admin.invitations import InvitationAdmin
from participants.admin.mails import MessageAdmin
from participants.admin.meetings import MeetingAdmin
from participants.admin.participants import ParticipantAdmin
from participants.admin.people import PersonAdmin
from participants.admin.records import PresetAdmin
from participants.admin.reportpages import ReportPages
from participants.admin.sessions import SessionAdmin
from participants.admin.verifying import VerifiesEmails
from participants.conf import read_oidc
from participants.models import (
    AccessRequest,
    ApiKey,
    Batch,
    Delivery,
    DriftReport,
    Event,
    Hook,
    HookMessage,
    Invitation,
    Meeting,
    Message,
    Participant,
    Person,
    Presence,
    Preset,
    Session,
)
from participants.services import rights, secondfactor

ORDER = (
    *("Meeting", "Participant", "Invitation", "AccessRequest", "Message", "Presence", "Session", "Batch"),
    *("DriftReport", "Person", "Preset"),
    *("Event", "ApiKey", "Delivery", "Hook", "HookMessage"),
)

NAMES = {"axes": "Sign-in protection"}
"""Packages whose own name says nothing to staff."""


class RollcallAdminSite(AdminSite):
    site_header = "Rollcall"
    site_title = "Rollcall"
    index_title = "Overview"
    # Not named as Django's, on which its pages of one app's models build.
    index_template = "admin/front.html"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Not by the decorator: it would ask for this very site while it is being made.
        self.register(Meeting, MeetingAdmin)
        self.register(Participant, ParticipantAdmin)
        self.register(Invitation, InvitationAdmin)
        self.register(AccessRequest, AccessRequestAdmin)
        self.register(Message, MessageAdmin)
        self.register(Presence, AttendanceAdmin)
        self.register(Session, SessionAdmin)
        self.register(Batch, BatchAdmin)
        self.register(DriftReport, DriftReportAdmin)
        self.register(Person, PersonAdmin)
        self.register(Preset, PresetAdmin)
        self.register(Event, EventAdmin)
        self.register(Delivery, DeliveryAdmin)
        self.register(ApiKey, ApiKeyAdmin)
        self.register(Hook, HookAdmin)
        self.register(HookMessage, HookMessageAdmin)

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """As Django's, with ours before its own page of users, which can't be imported while this site is made."""
        if _is_hidden(model_or_iterable):
            return
        if admin_class is not None and model_or_iterable == (User,):
            actions = (*(admin_class.actions or ()), "reset_factor", "verify_chosen")
            bases = (TellsOfRemovals, VerifiesEmails, ResetsFactors, admin_class)
            admin_class = type("AccountAdmin", bases, {"actions": actions})
        super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own: list[URLPattern | URLResolver] = [
            path("connection/", self.admin_view(self.connection_view), name="connection"),
            path("connection/sync/", self.admin_view(connection.pull), name="sync"),
            path("connection/webhook/", self.admin_view(self.webhook_view), name="connection_webhook"),
            *ReportPages(self).list_urls(),
            *mailtexts.MailTextPages(self).list_urls(),
        ]
        return own + super().get_urls()

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        return without_trusted_types(super().admin_view(view, cacheable))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        may_connect = rights.holds(request.user, "view_connection")
        return {
            **super().each_context(request),
            "may_view_connection": may_connect,
            "may_edit_mail_texts": mailtexts.may_edit(request),
            "shows_second_factor": secondfactor.is_needed(request.user),
            "may_view_reports": request.user.is_active and dashboard.sees_lists(request),
        }

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().login(request, {"provider": read_oidc(), **(extra_context or {})})

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().index(request, {**dashboard.describe(request), **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Ours first, in the order of ``ORDER``."""
        apps = super().get_app_list(request, app_label)
        for app in apps:
            app["name"] = NAMES.get(app["app_label"], app["name"])
            app["models"].sort(key=lambda model: _rank(model["object_name"], ORDER))
        return sorted(apps, key=lambda app: _rank(app["app_label"], ("participants", "auth")))

    def connection_view(self, request: HttpRequest) -> HttpResponse:
        return connection.show(request, self)

    def webhook_view(self, request: HttpRequest) -> HttpResponse:
        return connection.show_registration(request, self)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        answer = PeopleAutocomplete.as_view(admin_site=self)(request)
        assert isinstance(answer, HttpResponse)  # narrows Django's wider type
        return answer


def _is_hidden(model_or_iterable: Any) -> bool:
    """Messages to workers say nothing to staff: what there is to do is seen on the rows themselves.

    Nor does what django-allauth keeps: providers are set by the environment, and a second factor is a secret.
    """
    models = model_or_iterable if isinstance(model_or_iterable, Iterable) else [model_or_iterable]
    return any(model is DBTaskResult or model.__module__.startswith("allauth.") for model in models)


def _rank(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)
