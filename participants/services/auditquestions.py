"""What can be asked of the history: what happened, by whom, through what, about whom, when."""

from django.db.models import Q

from participants.models.event import ActorKind, EventKind
from participants.services import questions

THROUGH = {
    "admin": "Staff pages",
    "api": "API",
    "join": "Joining",
    "invitation": "A personal link",
    "sign-in": "Signing in",
    "command": "A command",
    "worker": "A worker",
    "tick": "A tick",
    "webhook": "A delivery",
    "mirror": "What RealtimeKit told",
    "signal": "A change of the user",
}
"""What ``via`` of an event may be, in words."""
_WHAT, _WHO, _WHERE, _WHEN = "What", "By whom", "About", "When"

EVENTS = (
    questions.choice(
        "kind",
        "Event",
        tuple(sorted(((value, str(label)) for value, label in EventKind.choices), key=lambda pair: pair[1])),
        lambda value: Q(kind=value),
        group=_WHAT,
        aliases=("kind__exact",),
    ),
    questions.choice(
        "via",
        "Through",
        tuple(THROUGH.items()),
        lambda value: Q(via=value),
        group=_WHAT,
        aliases=("via__exact",),
    ),
    questions.key("actor", "User", lambda user: Q(actor=user), group=_WHO),
    questions.row("api_key", "API key", "key", group=_WHO),
    questions.choice(
        "actor_kind",
        "Kind of actor",
        tuple((value, str(label)) for value, label in ActorKind.choices),
        lambda value: Q(actor_kind=value),
        group=_WHO,
        aliases=("actor_kind__exact",),
    ),
    questions.row("meeting", "Meeting", "meeting", group=_WHERE),
    questions.row("person", "Person", "person", hidden=True),
    questions.row("participant", "Participant", "participant", hidden=True),
    questions.since("after", "On or after", "created_at", group=_WHEN),
    questions.until("before", "Before", "created_at", group=_WHEN),
)
