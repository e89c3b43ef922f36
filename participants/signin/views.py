"""To the provider and back; and the pages of a second factor, allauth's own in our words."""

from functools import wraps
from typing import Any
from urllib.parse import quote

from allauth.account.internal.flows.login import clear_authentication_records
from allauth.account.views import ReauthenticateView
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.base.views import IndexView
from allauth.mfa.base.views import ReauthenticateView as GiveCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from participants.conf import read_oidc
from participants.errors import SignInFailed
from participants.services import secondfactor
from participants.signin import openid
from participants.signin.codes import take
from participants.signin.refusals import render_refusal


@never_cache
@require_http_methods(["GET", "POST"])
def begin(request: HttpRequest) -> HttpResponse:
    """Answers with a page that goes on to the provider by itself.

    Not with a redirect: browsers hold a form's redirects, the provider's own included, to our ``form-action``. By
    POST alone, since a link on another site could otherwise sign somebody in, or over.
    """
    if (oidc := read_oidc()) is None:
        raise Http404
    if request.method == "GET":
        return HttpResponseRedirect(reverse("login"))
    wanted = request.POST.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    try:
        address = get_adapter().get_provider(request, oidc.issuer).begin(request, wanted if is_safe else None)
    except SignInFailed as error:
        return render_refusal(request, error)
    return render(request, "registration/leaving.html", {"address": address, "provider_name": oidc.name})


@never_cache
@require_GET
def come_back(request: HttpRequest) -> HttpResponse:
    if (oidc := read_oidc()) is None:
        raise Http404
    try:
        # RFC 9207: an answer that says whose it is, and is another's, is not looked at.
        if request.GET.get("iss", oidc.issuer).rstrip("/") != oidc.issuer:
            raise openid.distrust_answer(ValueError())
        answer: HttpResponse = OAuth2CallbackView.adapter_view(openid.Adapter(request, oidc.issuer))(request)
    except SignInFailed as error:
        return render_refusal(request, error)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        return render_refusal(request, openid.distrust_answer(error))
    return answer


class ActivateView(ActivateTOTPView):  # type: ignore[misc]  # allauth ships no types
    """A QR code, the secret as text, and one code to prove that it arrived."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        factor = Authenticator.objects.get(user=self.request.user, type=Authenticator.Type.TOTP)
        take(factor, form.cleaned_data["code"])
        # Whoever has just proved to have it is through.
        post_authentication(self.request, factor, reauthenticated=True)
        self.request.session.cycle_key()
        return answer

    def get_success_url(self) -> str:
        return reverse("mfa_view_recovery_codes")


class DeactivateView(DeactivateTOTPView):  # type: ignore[misc]  # allauth ships no types
    """For another device: what was given with the old one counts no longer, in this session either."""

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        clear_authentication_records(self.request)
        return answer


class RecoveryCodesView(ViewRecoveryCodesView):  # type: ignore[misc]  # allauth ships no types
    """Shown once. The file to keep is in the page itself, since the codes can't be asked for again."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        if context["can_view_codes"]:
            host, name = self.request.get_host(), self.request.user.get_username()
            lines = [f"Rollcall recovery codes of {name} at {host}. Each works once.", "", *context["unused_codes"]]
            text = quote("\r\n".join([*lines, ""]))
            context["file"] = f"data:text/plain;charset=utf-8,{text}"
        return context


def _for_staff(view: Any) -> Any:
    """Pages that exist for those whom the setting concerns, and are kept by nobody on the way."""

    @never_cache
    @login_required
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        assert request.user.is_authenticated  # narrows for the checker
        if not secondfactor.is_needed(request.user):
            raise Http404
        answer: HttpResponse = view(request, *args, **kwargs)
        return answer

    return guarded


show_factor = _for_staff(IndexView.as_view())
activate = _for_staff(ActivateView.as_view())
deactivate = _for_staff(DeactivateView.as_view())
show_codes = _for_staff(RecoveryCodesView.as_view())
make_codes = _for_staff(GenerateRecoveryCodesView.as_view())
give_code = _for_staff(GiveCodeView.as_view())
give_password = _for_staff(ReauthenticateView.as_view())
