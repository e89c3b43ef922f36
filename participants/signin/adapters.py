"""Where django-allauth asks what is allowed here."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_noop

from participants.conf import read_oidc
from participants.errors import RollcallError, SignInFailed
from participants.models.fields import decrypt, encrypt
from participants.services import provisioning
from participants.signin import openid, refusals, standing
from participants.signin.codes import USED

_BACKEND = "participants.signin.backends.LocalBackend"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": "Too many wrong codes. Wait five minutes, then try again.",
        "rate_limited": "Too many wrong codes. Wait five minutes, then try again.",
        "incorrect_password": "The password is wrong.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_safe_url(self, url: str) -> bool:
        """This host alone, as Django's own sign-in page; allauth would follow any host that is allowed."""
        request = self.request
        return url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure())

    def get_client_ip(self, request: HttpRequest) -> str:
        """``TrustedProxyMiddleware`` has settled it; behind a socket there is none."""
        return str(request.META.get("REMOTE_ADDR") or "-")

    def get_login_stages(self) -> list[str]:
        """None: the gate asks for what a session still owes, whichever door it came through."""
        return []

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """The second factor alone for whoever has one: the password is what a thief has."""
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [method for method in methods if method["id"] == "mfa_reauthenticate"] or methods

    def login(self, request: HttpRequest, user: User) -> None:
        login(request, user, backend=_BACKEND)

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        oidc = read_oidc()
        if oidc is not None and oidc.gives_second_factor and "sociallogin" in (kwargs["signal_kwargs"] or {}):
            standing.note_provider_step(request, user)
        answer: HttpResponse = super().post_login(request, user, **kwargs)
        return answer

    def reauthenticate(self, user: User, password: str) -> bool:
        """Through all back ends, so that the lockout counts."""
        found = authenticate(self.request, username=user.get_username(), password=password)
        return found is not None and found.pk == user.pk

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        text = gettext_noop("Your account here is deactivated. Ask an administrator.")
        failed = SignInFailed("sign_in_inactive", text, status=403)
        return refusals.render_refusal(request, failed)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say what happened themselves."""


class ProviderAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """The one of the settings; none is looked for in the database."""
        oidc = read_oidc()
        if oidc is None:
            return []
        app = SocialApp(provider=openid.Provider.id, provider_id=oidc.issuer, name=oidc.name)
        app.client_id, app.secret = oidc.client_id, oidc.client_secret
        app.settings = {"server_url": oidc.server_url, "oauth_pkce_enabled": True, "scope": list(oidc.scopes)}
        return [app]

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> "openid.Provider":
        return openid.Provider(request, app=self.get_app(request, provider))

    def authenticate_by_email(self, login: SocialLogin) -> None:
        """Never by allauth's rules: ``provisioning`` knows which addresses are verified."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Somebody is who they say; here they become a user, known or new, or are turned away."""
        try:
            openid.check_nonce(sociallogin)
            sociallogin.account = provisioning.admit(openid.read_subject(sociallogin.claims))
        except RollcallError as error:
            raise ImmediateHttpResponse(refusals.render_refusal(request, error)) from error
        sociallogin.user = sociallogin.account.user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        failed = openid.explain(request, error, exception, begun="state" in (extra_context or {}))
        raise ImmediateHttpResponse(refusals.render_refusal(request, failed))


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth ships no types
    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": USED}

    def get_totp_label(self, user: User) -> str:
        return user.get_username()

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """What no key decrypts reads as a secret that nobody has. A blank one, anybody could compute codes for."""
        return decrypt(encrypted_text) or generate_totp_secret()
