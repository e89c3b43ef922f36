"""Users' e-mail addresses: staff vouch for one, or take that back, after being told what follows from it."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from participants.admin import badges
from participants.admin.access import read_actor
from participants.admin.meetingforms import label_halves
from participants.errors import RollcallError
from participants.models import VerifiedEmail
from participants.services import linking, rights
from participants.states import VerifiedBy

if TYPE_CHECKING:
    _Admin = ModelAdmin[User]
else:
    _Admin = object

AT_ONCE = 200
_FORM = "admin/participants/account/verify.html"
_WITHDRAW_FORM = "admin/participants/account/withdraw.html"


class VerifiesEmails(_Admin):
    """Goes before Django's ``UserAdmin``."""

    change_form_template = "admin/participants/account/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        mark = VerifiedEmail.objects.current().filter(user=OuterRef("pk"))
        return super().get_queryset(request).annotate(is_verified=Exists(mark))

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field, forms.SplitDateTimeField):
            label_halves(field)
        return field

    def get_list_display(self, request: HttpRequest) -> Any:
        return [*super().get_list_display(request), "verified"]

    @admin.display(description="e-mail verified", ordering="is_verified")
    def verified(self, row: User) -> SafeString:
        return badges.render_badge("Verified", "good") if getattr(row, "is_verified", False) else badges.NOTHING

    def has_verify_email_permission(self, request: HttpRequest) -> bool:
        return rights.holds(request.user, "verify_email")

    @admin.action(description="Mark e-mail addresses as verified…", permissions=["verify_email"])
    def verify_chosen(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        if not self.has_verify_email_permission(request):
            raise PermissionDenied
        users = list(queryset.order_by("username")[: AT_ONCE + 1])
        if len(users) > AT_ONCE:
            messages.error(request, f"Nothing was done: choose at most {AT_ONCE} users at once.")
            return None
        if request.POST.get("post") == "yes":
            _verify(request, users)
            return None
        hidden = [("action", "verify_chosen"), *((ACTION_CHECKBOX_NAME, str(user.pk)) for user in users)]
        return self._ask(request, users, hidden, reverse("admin:auth_user_changelist"))

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/verify-email/", wrap(self.verify_view), name="auth_user_verify_email"),
            path("<int:pk>/withdraw-email/", wrap(self.withdraw_view), name="auth_user_withdraw_email"),
        ]
        return own + super().get_urls()

    def verify_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._find(request, pk)
        if request.method == "POST":
            _verify(request, [user])
            return redirect(find_page(request, user))
        return self._ask(request, [user], [], find_page(request, user))

    def withdraw_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        user = self._find(request, pk)
        if request.method == "POST":
            if linking.withdraw(user, by=read_actor(request)):
                messages.success(request, f"The e-mail address of {user} no longer counts as verified.")
            else:
                messages.warning(request, f"The e-mail address of {user} was not verified.")
            return redirect(find_page(request, user))
        title = f"Withdraw the verification of {user}?"
        return render(
            request, _WITHDRAW_FORM, self._give_context(request, title, account=user, origin=find_page(request, user))
        )

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        user = context.get("original")
        if isinstance(user, User):
            context.update(describe_email(request, user))
        return super().render_change_form(request, context, *args, **kwargs)

    def _find(self, request: HttpRequest, pk: int) -> User:
        if not self.has_verify_email_permission(request):
            raise PermissionDenied
        return get_object_or_404(User, pk=pk if pk < 2**31 else 0)

    def _ask(
        self, request: HttpRequest, users: list[User], hidden: list[tuple[str, str]], origin: str
    ) -> HttpResponse:
        outlooks = linking.foresee(users)
        count = sum(outlook.outcome == "verify" for outlook in outlooks)
        title = "Mark the e-mail address as verified?" if len(users) == 1 else "Mark e-mail addresses as verified?"
        more = {"outlooks": outlooks, "hidden": hidden, "origin": origin, "count": count}
        return render(request, _FORM, self._give_context(request, title, **more))

    def _give_context(self, request: HttpRequest, title: str, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title, **more}


def describe_email(request: HttpRequest, user: User) -> dict[str, Any]:
    """For the card of a user's address: its mark if it counts, and what this caller may do about it."""
    email = user.email.strip().lower()
    mark = VerifiedEmail.objects.select_related("verified_by").filter(user=user, email=email).first()
    return {"account": user, "mark": mark, "may_verify": rights.holds(request.user, "verify_email")}


def find_page(request: HttpRequest, user: User) -> str:
    """Where somebody came from or may go: the user's page, the person's, or the overview."""
    person = getattr(user, "person", None)
    if person is not None and rights.holds(request.user, "view_person"):
        return reverse("admin:participants_person_change", args=[person.pk])
    if request.user.has_perm("auth.view_user") or request.user.has_perm("auth.change_user"):
        return reverse("admin:auth_user_change", args=[user.pk])
    return reverse("admin:index")


def _verify(request: HttpRequest, users: list[User]) -> None:
    done, linked = 0, 0
    for user in users:
        if linking.is_verified(user):
            continue
        try:
            person = linking.note_verified(user, user.email, VerifiedBy.STAFF, by=read_actor(request))
        except RollcallError as error:
            messages.warning(request, f"{user}: {error}")
            continue
        done, linked = done + 1, linked + (person is not None)
        if person is None and linking.find_guests(user):
            text = f"{user} and a guest of the same address may be the same person: see the person's page to merge."
            messages.warning(request, text)
    text = f"{done} e-mail address{'' if done == 1 else 'es'} marked as verified."
    if linked:
        text += f" {linked} guest{' was' if linked == 1 else 's were'} linked; their enrolments stay as they are."
    messages.add_message(request, messages.SUCCESS if done else messages.WARNING, text)
