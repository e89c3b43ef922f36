"""Users of the customer's identity provider, known by the bearer token they send."""

import logging
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import jwt
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from participants import conf
from participants.conf import JwtConf
from participants.errors import EmailTaken, Unrecognised
from participants.models import Actor, EventKind, ExternalIdentity
from participants.models.event import record
from participants.services import jwks, linking

logger = logging.getLogger(__name__)

LEEWAY = 30
"""Seconds by which the provider's clock may differ from ours."""
_LONGEST = 8192
_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "This token has expired.",
    jwt.ImmatureSignatureError: "This token is not valid yet.",
    jwt.InvalidAudienceError: "This token is meant for another audience.",
    jwt.InvalidIssuerError: "This token is of another issuer.",
    jwt.MissingRequiredClaimError: "This token lacks a claim; it needs exp, iss, aud and sub.",
    jwt.InvalidSignatureError: "The signature of this token is wrong.",
}


def find_identity(token: str) -> ExternalIdentity:
    """The identity, with its user, that a valid token names; made on first sight.

    Raises Unrecognised, or IdentityProviderAway while the provider's keys are not known.
    """
    setting = conf.read_jwt()
    if setting is None:
        raise Unrecognised("Tokens of an identity provider are not accepted here.")
    claims = read_claims(token, setting)
    wanted = {"issuer": setting.issuer, "subject": _read_subject(claims)}
    identity = ExternalIdentity.objects.select_related("user").filter(**wanted).first() or _provision(wanted)
    if not identity.user.is_active:
        raise Unrecognised("This user account is deactivated.")
    _follow(identity, claims)
    return identity


def read_claims(token: str, setting: JwtConf) -> dict[str, Any]:
    """The claims of a token that is signed by the provider, meant for us and valid now. Raises as above."""
    if len(token) > _LONGEST:
        raise Unrecognised("This token is too long.")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        # Decided by our setting, never by the token: else "none", or HS256 with a public key as its secret, passes.
        if algorithm not in setting.algorithms:
            raise Unrecognised("This token is signed by an algorithm that is not accepted here.")
        claims: dict[str, Any] = jwt.decode(
            token,
            _find_key(setting, str(algorithm), header.get("kid")),
            algorithms=[str(algorithm)],
            audience=setting.audiences,
            issuer=setting.issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        reason = next((text for kind, text in _REASONS.items() if isinstance(error, kind)), "")
        raise Unrecognised(reason or "This token can't be read or is not valid.") from error
    return claims


def _find_key(setting: JwtConf, algorithm: str, kid: Any) -> Any:
    if setting.public_key:
        return setting.public_key
    for data in jwks.find_keys(setting.jwks_url, kid if isinstance(kid, str) else None):
        if data.get("alg", algorithm) == algorithm:
            try:
                return jwt.PyJWK(data, algorithm=algorithm)
            except jwt.PyJWTError:
                continue  # of another kind than this algorithm takes
    raise Unrecognised("This token is signed by a key that the identity provider does not list.")


def _read_subject(claims: Mapping[str, Any]) -> str:
    subject = str(claims["sub"])
    if not subject or len(subject) > 255 or not subject.isprintable():
        raise Unrecognised("The subject of this token can't be used.")
    return subject


def _provision(wanted: dict[str, str]) -> ExternalIdentity:
    try:
        with transaction.atomic():
            identity = ExternalIdentity.objects.create(user=_find_signed_in(wanted) or _make_user(wanted), **wanted)
    except IntegrityError:
        # Another request of theirs came first; its user stands, and ours is rolled back.
        return ExternalIdentity.objects.select_related("user").get(**wanted)
    return identity


def _find_signed_in(wanted: Mapping[str, str]) -> User | None:
    """Who came through the provider's sign-in page as this subject. Issuers are kept without a final slash there."""
    rows = SocialAccount.objects.select_related("user")
    account = rows.filter(provider=wanted["issuer"].rstrip("/"), uid=wanted["subject"]).first()
    return account.user if account else None


def _make_user(wanted: Mapping[str, str]) -> User:
    user = User(username=f"idp-{uuid4().hex[:16]}")
    user.set_unusable_password()
    user.save()
    by = Actor(via="sign-in", user=user)
    record(EventKind.USER_PROVISIONED, by, issuer=wanted["issuer"], user=user.get_username())
    return user


def _follow(identity: ExternalIdentity, claims: Mapping[str, Any]) -> None:
    """Bring name and e-mail up to date; writes nothing when they are."""
    user, email = identity.user, _read_email(claims)
    is_verified = bool(email) and claims.get("email_verified") is True
    wanted = _read_names(claims) | ({"email": email} if is_verified else {})
    changed = [name for name, value in wanted.items() if getattr(user, name) != value]
    if changed:
        for name in changed:
            setattr(user, name, wanted[name])
        user.save(update_fields=changed)  # by save, since its signal has the person follow
    if email and email != identity.email:
        ExternalIdentity.objects.filter(pk=identity.pk).update(email=email)
    # Once an address: staff who withdraw a verification are not overruled by the next call.
    if is_verified and email != identity.noted_email:
        _note(identity, email)


def _note(identity: ExternalIdentity, email: str) -> None:
    try:
        linking.note_verified(identity.user, email, by=Actor(via="sign-in", user=identity.user))
    except EmailTaken:
        # They may come in all the same; whose address it is, staff decide.
        logger.warning("The e-mail address of user %s is verified as another user's.", identity.user.pk)
    ExternalIdentity.objects.filter(pk=identity.pk).update(noted_email=email)


def _read_email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or len(email) > 254:
        return ""
    try:
        validate_email(email)
    except ValidationError:
        return ""
    return email.lower()


def _read_names(claims: Mapping[str, Any]) -> dict[str, str]:
    """What the token says of the name; nothing for what it does not say."""
    told = {"first_name": claims.get("given_name"), "last_name": claims.get("family_name")}
    names = {field: text for field, value in told.items() if (text := _clean(value))}
    if not names and (whole := _clean(claims.get("name"))):
        names = {"first_name": whole}
    return names


def _clean(value: Any) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text[:150] if text.isprintable() else ""
