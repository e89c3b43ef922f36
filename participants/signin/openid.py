"""The OpenID Connect flow: allauth's code flow with PKCE and state, with a nonce and every check of the ID token.

Allauth leaves out what a token's own transport makes optional. Here the signature is always checked, so that neither
a proxy in between nor a mistyped address signs anybody in.
"""

import hmac
import logging
import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit

import jwt
import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_noop

from participants.conf import read_oidc
from participants.errors import SignInFailed
from participants.services.provisioning import Subject

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""By key pairs alone. With the client's secret (HS256), or none, whoever knows that much could make a token."""
LEEWAY = 60
"""Seconds by which the provider's clock may differ from ours."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_NONCE = "nonce"
_KEPT, _PAUSE = 300, 5
_AWAY = "away"
_ERROR = re.compile(r'"error"\s*:\s*"([a-z_]{1,40})"')


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth ships no types
    def get_oauth2_adapter(self, request: HttpRequest) -> "Adapter":
        return Adapter(request, self.app.provider_id)

    def begin(self, request: HttpRequest, next_url: str | None) -> str:
        """The address at the provider to send the browser to. Raises SignInFailed."""
        nonce = secrets.token_urlsafe(24)
        answer: HttpResponse = self.redirect(
            request, process="login", next_url=next_url, auth_params={_NONCE: nonce}, nonce=nonce
        )
        return answer.headers["Location"]

    def extract_extra_data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Nothing: what the provider says is used and not kept."""
        return {}

    def sociallogin_from_response(self, request: HttpRequest, response: dict[str, Any]) -> SocialLogin:
        """Allauth's, which carries the claims along."""
        found = super().sociallogin_from_response(request, response)
        found.claims = response
        return found

    def extract_uid(self, data: Mapping[str, Any]) -> str:
        return str(data["sub"])

    def extract_email_addresses(self, data: Mapping[str, Any]) -> list[Any]:
        return []


class Client(OAuth2Client):  # type: ignore[misc]  # allauth ships no types
    def get_redirect_url(self, authorization_url: str, scope: Any, extra_params: Mapping[str, str]) -> str:
        """As allauth's, for an address that has a query already too."""
        given = {
            "client_id": self.consumer_key,
            "redirect_uri": self.callback_url,
            "scope": " ".join(scope),
            "response_type": "code",
            "state": self.state,
            **extra_params,
        }
        return f"{authorization_url}{'&' if urlsplit(authorization_url).query else '?'}{urlencode(given)}"


class Adapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth ships no types
    client_class = Client

    @property
    def openid_config(self) -> dict[str, Any]:
        """The provider's discovery document, once per request. Raises SignInFailed."""
        if not hasattr(self, "_openid_config"):
            provider = self.get_provider()
            found = _recall(provider.server_url)
            if not isinstance(found, dict) or not all(_is_address(found.get(name)) for name in _ENDPOINTS):
                _distrust("its discovery document can't be read")
            if str(found.get("issuer", "")).rstrip("/") != provider.app.provider_id:
                _distrust("its discovery document is of another issuer")
            _keep(provider.server_url, found)
            self._openid_config = found
        return self._openid_config

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return request.build_absolute_uri(reverse("oidc_callback"))

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        answer = kwargs["response"]
        claims = self._read_id_token(str(answer.get("id_token") or ""), app.client_id)
        if not claims.get("email") and _is_address(self.openid_config.get("userinfo_endpoint")):
            told = self._fetch_user_info(token.token)
            # A token that was put in place of another one tells of somebody else.
            if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
                _distrust("what it says of the user is about somebody else")
            claims = {**told, **claims}
        return self.get_provider().sociallogin_from_response(request, claims)

    def _read_id_token(self, token: str, client_id: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                _distrust("its token is not signed by a key pair")
            claims: dict[str, Any] = jwt.decode(
                token,
                _find_key(self.openid_config["jwks_uri"], header),
                algorithms=[header["alg"]],
                audience=client_id,
                issuer=self.openid_config["issuer"],
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            _distrust(f"its token is not valid ({type(error).__name__})")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 191:
            _distrust("its token names nobody")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != client_id:
            _distrust("its token was given to another application")
        return claims


def check_nonce(sociallogin: SocialLogin) -> None:
    """The token was made for the sign-in that this browser began. Raises SignInFailed."""
    wanted, given = sociallogin.state.get(_NONCE), sociallogin.claims.get(_NONCE)
    if not wanted or not isinstance(given, str) or not hmac.compare_digest(given.encode(), wanted.encode()):
        _distrust("its token was made for another sign-in")


def read_subject(claims: Mapping[str, Any]) -> Subject:
    oidc = read_oidc()
    assert oidc is not None  # no claims come without one
    return Subject(
        issuer=oidc.issuer,
        sub=claims["sub"],
        email=_read_email(claims),
        username=_read_text(claims.get(oidc.username_claim)) if oidc.username_claim else "",
        **_read_names(claims),
    )


def explain(request: HttpRequest, error: Any, exception: Exception | None, *, begun: bool) -> SignInFailed:
    """What allauth met, in words for the person; the log has it for the operator, without what was said.

    ``begun``: this browser began the sign-in, and the answer is the first to it.
    """
    if isinstance(exception, SignInFailed):
        return exception
    if isinstance(exception, requests.RequestException):
        return _away(exception)
    if exception is None and not begun:
        return SignInFailed(
            "sign_in_stale",
            gettext_noop(
                "This sign-in took too long, was finished before, or was begun in another browser. Begin again."
            ),
            status=400,
        )
    if error == AuthError.CANCELLED:
        return SignInFailed("sign_in_cancelled", gettext_noop("The sign-in was cancelled."), status=403)
    told = _ERROR.search(str(exception)) or re.match(r"([a-z_]{1,40})$", request.GET.get("error", ""))
    logger.warning("The sign-in provider refused a sign-in: %s.", told[1] if told else type(exception).__name__)
    return SignInFailed(
        "sign_in_refused",
        gettext_noop("The sign-in provider refused this sign-in. Try again, or ask an administrator."),
        status=502,
    )


def distrust_answer(error: Exception) -> SignInFailed:
    """For what no library foresaw in an answer of the provider."""
    try:
        _distrust(f"its answer can't be read ({type(error).__name__})")
    except SignInFailed as failed:
        return failed


def _recall(url: str) -> Any:
    """What lies there, as kept for five minutes or fetched.

    A provider that is away is left alone for some seconds, or its silence would hold every thread.
    """
    known = cache.get(_name(url))
    if known == _AWAY:
        raise _tell_away()
    if known is not None:
        return known
    try:
        return _fetch(url)
    except SignInFailed:
        cache.set(_name(url), _AWAY, _PAUSE)
        raise


def _keep(url: str, found: Any) -> None:
    """Of what made sense alone, so that a corrected mistake is gone at once; and not for longer by being used."""
    if isinstance(found, dict):
        cache.add(_name(url), found, _KEPT)


def _name(url: str) -> str:
    return f"oidc:{sha256(url.encode()).hexdigest()[:32]}"


def _fetch(url: str) -> Any:
    try:
        with get_adapter().get_requests_session() as session:
            answer = session.get(url)
            answer.raise_for_status()
            return answer.json()
    except requests.JSONDecodeError:
        return None
    except requests.RequestException as error:
        raise _away(error) from error


def _away(error: Exception) -> SignInFailed:
    logger.warning("The sign-in provider can't be reached: %s.", type(error).__name__)
    return _tell_away()


def _tell_away() -> SignInFailed:
    return SignInFailed(
        "sign_in_provider_away",
        gettext_noop(
            "The sign-in provider can't be reached at the moment. Try again in a minute, or sign in with a password "
            "if you have one."
        ),
        status=503,
    )


def _distrust(why: str) -> NoReturn:
    logger.warning("A sign-in was turned away, since the provider is not to be trusted: %s.", why)
    raise SignInFailed(
        "sign_in_untrusted",
        gettext_noop(
            "What the sign-in provider answered can't be trusted, so nobody was signed in. Try again; if this stays, "
            "tell an administrator."
        ),
        status=502,
    )


def _find_key(url: str, header: Mapping[str, Any]) -> jwt.PyJWK:
    """The listed signing key of the token's id; without an id, the only one there is."""
    listed = _recall(url)
    if len(fitting := _choose_keys(listed, header)) != 1:  # a provider changes its keys without notice
        cache.delete(_name(url))
        listed = _fetch(url)
        fitting = _choose_keys(listed, header)
    if len(fitting) != 1:
        _distrust("its token is signed by a key that it does not list")
    _keep(url, listed)
    return jwt.PyJWK(fitting[0], algorithm=header["alg"])


def _choose_keys(listed: Any, header: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = listed.get("keys") if isinstance(listed, dict) else None
    kid, algorithm = header.get("kid"), header["alg"]
    return [
        key
        for key in (keys if isinstance(keys, list) else [])
        if isinstance(key, dict)
        and (key.get("use", "sig"), key.get("alg", algorithm)) == ("sig", algorithm)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and (kid is None or key.get("kid") == kid)
    ]


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).hostname)


def _read_email(claims: Mapping[str, Any]) -> str:
    """Blank unless the provider says, by a true value and no other, that it is verified."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str) or len(email) > 254:
        return ""
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email.lower()


def _read_names(claims: Mapping[str, Any]) -> dict[str, str]:
    first, last = _read_text(claims.get("given_name")), _read_text(claims.get("family_name"))
    if not first and not last:
        first, _, last = _read_text(claims.get("name")).partition(" ")
    return {"first_name": first, "last_name": last}


def _read_text(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text[:150] if text.isprintable() else ""
