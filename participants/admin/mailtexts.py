"""What mails say: ``/admin/mail-texts/``. Each kind's text is edited, looked at, and put back to the default."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path

from participants.admin.access import read_actor
from participants.errors import RollcallError
from participants.models import MailText
from participants.models.mailtext import SUBJECT_LIMIT, TEXT_LIMIT
from participants.services import mailtexts, rights
from participants.services.mailtexts import Text
from participants.states import MessageKind

RIGHT = "change_mailtext"
_WHEN = {
    MessageKind.INVITATION: "Sent to somebody who is invited, with their personal link.",
    MessageKind.ENROLLED: "Sent to somebody who was enrolled or restored, where the meeting sends notices.",
    MessageKind.CHANGED: "Sent when a role, or the meeting's title or time, has changed, where it sends notices.",
    MessageKind.REMOVED: "Sent to somebody who was removed, where the meeting sends notices.",
    MessageKind.APPROVED: "Sent to somebody whose access request was approved.",
    MessageKind.DENIED: "Sent to somebody whose access request was denied.",
}


class TextForm(forms.Form):
    subject = forms.CharField(max_length=SUBJECT_LIMIT, label="Subject")
    text = forms.CharField(max_length=TEXT_LIMIT, label="Text", widget=forms.Textarea(attrs={"rows": 14}))


class MailTextPages:
    """``step`` of a post is save, look or reset."""

    def __init__(self, site: AdminSite) -> None:
        self._site = site

    def list_urls(self) -> list[URLPattern]:
        wrap = self._site.admin_view
        return [
            path("mail-texts/", wrap(self.list_view), name="mail_texts"),
            path("mail-texts/<slug:kind>/", wrap(self.edit_view), name="mail_text"),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        _require(request)
        changed = set(MailText.objects.values_list("kind", flat=True))
        rows = [(kind, mailtexts.find(kind).subject, _WHEN[kind], kind.value in changed) for kind in MessageKind]
        return self._render(request, "list.html", "Mail texts", rows=rows)

    def edit_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        _require(request)
        if kind not in MessageKind.values:
            raise Http404("There is no such mail.")
        step, by = request.POST.get("step", ""), read_actor(request)
        if step == "reset":
            done = mailtexts.reset(kind, by=by)
            text = "The default text is back." if done else "It was the default text already."
            messages.success(request, text)
            return redirect("admin:mail_text", kind)
        stored = mailtexts.find(kind)
        form = TextForm(request.POST if step else {"subject": stored.subject, "text": stored.text})
        shown = self._take(form, kind) if form.is_valid() else None
        if step == "save" and shown is not None:
            mailtexts.save(kind, shown, by=by)
            messages.success(request, "Saved. Mails sent from now on say this.")
            return redirect("admin:mail_text", kind)
        return self._render(
            request,
            "edit.html",
            f"{MessageKind(kind).label}: mail text",
            kind=kind,
            form=form,
            when=_WHEN[MessageKind(kind)],
            placeholders=[(f"{{{name}}}", about) for name, about in mailtexts.list_placeholders(kind)],
            is_changed=MailText.objects.filter(kind=kind).exists(),
            subject=mailtexts.fill_subject(shown, mailtexts.SAMPLES) if shown else "",
            plain=mailtexts.fill_plain(shown, mailtexts.SAMPLES) if shown else "",
        )

    def _take(self, form: TextForm, kind: str) -> Text | None:
        try:
            return mailtexts.check(kind, Text(form.cleaned_data["subject"], form.cleaned_data["text"]))
        except RollcallError as error:
            form.add_error(error.data["field"], str(error))
            return None

    def _render(self, request: HttpRequest, name: str, title: str, **more: Any) -> HttpResponse:
        context = {**self._site.each_context(request), "title": title, **more}
        return render(request, f"admin/participants/mailtext/{name}", context)


def may_edit(request: HttpRequest) -> bool:
    return rights.holds(request.user, RIGHT)


def _require(request: HttpRequest) -> None:
    if not may_edit(request):
        raise PermissionDenied
