"""One mail: what it says, and handing it to the mail server. Nothing here writes a row.

What failed? *Refused* (do not repeat): the server says no to this mail or address for good. *Delayed* (repeat): it
was not taken, and may be later. *Unknown* (repeat, with the same Message-ID): the line broke during the transfer.
"""

import smtplib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import TracebackType
from urllib.parse import urlsplit

from django.core import mail as djangomail
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.template.loader import render_to_string
from django.utils import timezone

from participants import conf
from participants.models import Meeting, Message
from participants.services import calendars, links, mailtexts
from participants.states import REMOVABLE, MessageKind

_TOLD_REFUSED = 500
"""SMTP answers from here on are for good."""


class Failure(Enum):
    REFUSED = "refused"
    DELAYED = "delayed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Fault:
    """Why a mail was not sent. ``concerns_all``: the server itself is the trouble, not this mail."""

    failure: Failure
    code: str
    detail: str
    concerns_all: bool = False


class Unbuildable(Exception):
    """``code`` is why this mail can't be written at all."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True)
class Mail:
    subject: str
    email: EmailMultiAlternatives
    sequence: int | None
    entry_hash: str


class Postman:
    """One connection to the mail server for the mails of one pass, opened with the first."""

    def __init__(self) -> None:
        self.timeout = conf.read_mail().timeout
        self._connection = _connect()

    def __enter__(self) -> "Postman":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def send(self, mail: Mail) -> Fault | None:
        """Hand it over; None when the server has taken it."""
        try:
            self._connection.open()
        except smtplib.SMTPAuthenticationError as error:
            return Fault(Failure.DELAYED, "mail_login_refused", _read_answer(error), concerns_all=True)
        except (smtplib.SMTPException, OSError) as error:
            return Fault(Failure.DELAYED, "mail_server_unreachable", _describe(error), concerns_all=True)
        try:
            self._connection.send_messages([mail.email])
        except Exception as error:
            fault = _find_fault(error)
            self._close()  # what the server makes of the next command is anybody's guess
            if fault is None:
                raise
            return fault
        return None

    def _close(self) -> None:
        with suppress(smtplib.SMTPException, OSError):  # it is gone either way
            self._connection.close()


def _connect() -> BaseEmailBackend:
    """Not opened yet. Django has mailers from 6.1 on, and warns of ``get_connection`` since."""
    if hasattr(djangomail, "mailers"):
        return djangomail.mailers.default
    return djangomail.get_connection()


def _find_fault(error: Exception) -> Fault | None:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, said = next(iter(error.recipients.values()))
        return _judge_answer(code, _decode(said), "recipient")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Fault(Failure.DELAYED, "sender_refused", _read_answer(error), concerns_all=True)
    if isinstance(error, smtplib.SMTPResponseException):
        return _judge_answer(error.smtp_code, _read_answer(error), "mail")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Fault(Failure.REFUSED, "mail_refused", _describe(error))
    if isinstance(error, smtplib.SMTPException | OSError):
        return Fault(Failure.UNKNOWN, "connection_lost", _describe(error))
    if isinstance(error, ValueError):  # an address or header that can't be written
        return Fault(Failure.REFUSED, "unsendable", _describe(error))
    return None


def _judge_answer(code: int, said: str, what: str) -> Fault:
    if code >= _TOLD_REFUSED:
        return Fault(Failure.REFUSED, f"{what}_refused", f"{code} {said}".strip())
    return Fault(Failure.DELAYED, f"{what}_delayed", f"{code} {said}".strip())


def find_reason_to_drop(message: Message) -> str:
    """Why a mail is not needed any more by now, or blank."""
    row, invitation = message.participant, message.invitation
    if message.person.erased_at:
        return "erased"
    is_in = row is None or row.state in REMOVABLE
    if message.kind == MessageKind.REMOVED:
        return "restored" if is_in else ""
    if not is_in:
        return "removed"
    if invitation is None:
        return ""
    if invitation.revoked_at is not None:
        return "replaced" if invitation.is_replaced else "revoked"
    return "expired" if invitation.expires_at <= timezone.now() else ""


def build(message: Message) -> Mail:
    """The whole mail: plain text, HTML, and the calendar entry where there is one. Raises Unbuildable."""
    settings, row = conf.read_mail(), message.participant
    if message.invitation is not None and not message.secret:
        raise Unbuildable("secret_lost", "The link can't be read any more. Send a new invitation.")
    link = links.build(settings.site, message.meeting, message.secret or "")
    values = {
        "name": row.effective_name if row else message.person.display_name,
        "meeting": message.meeting.title,
        "when": describe_window(message.meeting),
        "link": link,
        "expires": write_time(message.invitation.expires_at) if message.invitation else "",
        "role": row.preset.name if row else "",
        "change": str(message.data.get("change", "")),
        "answer": str(message.data.get("answer", "")),
    }
    text = mailtexts.find(message.kind)
    subject = mailtexts.fill_subject(text, values)
    email = EmailMultiAlternatives(
        subject,
        mailtexts.fill_plain(text, values),
        settings.sender,
        [message.address],
        headers={
            "Message-ID": f"<{message.pk}@{urlsplit(settings.site).hostname or 'rollcall'}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    email.attach_alternative(render_html(subject, text, values), "text/html")
    entry = None
    if row is not None:
        entry = calendars.build(
            row,
            address=message.address,
            link=link,
            sender=settings.sender,
            is_over=message.kind == MessageKind.REMOVED,
            now=timezone.now(),
        )
    if entry is not None:
        # As a type with its parameter: Django 5.2 takes no other part than the old classes, of which Django 6 warns.
        email.attach("meeting.ics", entry.content, f"text/calendar; method={entry.method}")
    return Mail(subject, email, entry.sequence if entry else None, entry.content_hash if entry else "")


def render_html(subject: str, text: mailtexts.Text, values: dict[str, str]) -> str:
    return render_to_string("participants/mail.html", {"subject": subject, "body": mailtexts.fill_html(text, values)})


def describe_window(meeting: Meeting) -> str:
    opens, closes = meeting.opens_at, meeting.closes_at
    if opens is None and closes is None:
        return "It is open at any time."
    if opens is None and closes is not None:
        return f"It is open until {write_time(closes)}."
    assert opens is not None
    day = f"{opens:%A, %-d %B %Y, %H:%M}"
    if closes is None:
        return f"{day} (UTC)"
    until = f"{closes:%H:%M}" if closes.date() == opens.date() else f"{closes:%A, %-d %B %Y, %H:%M}"
    return f"{day} to {until} (UTC)"


def write_time(moment: datetime) -> str:
    return f"{moment:%-d %B %Y, %H:%M} (UTC)"


def _read_answer(error: smtplib.SMTPResponseException) -> str:
    return _decode(error.smtp_error)


def _decode(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
