"""Who and what the demo starts with. Plain data: both the console program and ``seed_demo`` read it."""

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid5

PASSWORD = "rollcall"  # noqa: S105 - published on purpose; seed_demo refuses to use it anywhere but in a demo
RETIRED_PRESET = "evening_class_2023"
"""A preset that RealtimeKit no longer has when somebody is enrolled with it: how an enrolment fails."""

_NAMESPACE = UUID("3f1e6c0a-7d5b-4a52-9a44-6b0f2f4f8a11")


@dataclass(frozen=True)
class Account:
    username: str
    first_name: str
    last_name: str
    superuser: bool = False
    staff: bool = False
    active: bool = True
    rights: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class Invited:
    """A guest of a room who was sent a personal link."""

    email: str
    opens: bool = False
    revoked: bool = False


@dataclass(frozen=True)
class Room:
    """A meeting; its times count from the moment it is seeded."""

    slug: str
    title: str
    people: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    guests: tuple[tuple[str, str], ...] = ()
    invited: tuple[Invited, ...] = ()
    removed: tuple[str, ...] = ()
    failing: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    listed: str = ""
    """Enrolled as a bulk enrolment: what staff would paste."""
    managers: tuple[str, ...] = ()
    opens: timedelta | None = None
    closes: timedelta | None = None
    admission: str = "invited"
    status: str = "ACTIVE"
    capacity: int | None = None
    preset: str = "group_call_participant"
    consent: str = ""
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        # A fixed id: links in the documentation hold, and a renamed meeting is not seeded a second time.
        object.__setattr__(self, "id", uuid5(_NAMESPACE, self.slug))


ADMIN = Account("admin", "Robin", "Hale", superuser=True, staff=True)
LIMITED = Account(
    "sam",
    "Sam",
    "Carter",
    staff=True,
    rights=(
        "view_meeting",
        "view_participant",
        "add_participant",
        "change_participant",
        "view_person",
        "view_preset",
    ),
)
MANAGER = Account("mia", "Mia", "Rossi", staff=True)
ADA = Account("ada", "Ada", "Example")
BOB = Account("bob", "Bob", "Baker")

PEOPLE = (
    ADA,
    BOB,
    Account("chidi", "Chidi", "Okafor"),
    Account("dana", "Dana", "Levi"),
    Account("elif", "Elif", "Demir"),
    Account("farid", "Farid", "Rahimi"),
    Account("greta", "Greta", "Lund"),
    Account("heidi", "Heidi", "Vogel"),
    Account("ines", "Inês", "Moreira"),
    Account("jun", "Jun", "Tanaka"),
    Account("kofi", "Kofi", "Mensah"),
    Account("lena", "Lena", "Novak", active=False),
)
ACCOUNTS = (ADMIN, LIMITED, MANAGER, *PEOPLE)

GROUPS = {"Maths club": ("chidi", "dana", "elif", "heidi", "jun")}

BLOCKED = {"heidi": "Sent advertisements to other participants."}

ALGEBRA = Room(
    "algebra-7",
    "Algebra, group 7",
    people=("bob", "chidi", "dana", "jun"),
    hosts=("mia",),
    managers=("mia",),
)
PHYSICS = Room(
    "physics-2",
    "Physics, group 2",
    people=("ada", "elif", "heidi"),
    hosts=("bob",),
    guests=(("Noor Haddad", "noor@guest.example"), ("Kofi M.", "kofi@demo.example")),
    invited=(Invited("noor@guest.example", opens=True), Invited("kofi@demo.example", revoked=True)),
    removed=("farid",),
    failing=("greta",),
    closes=timedelta(days=30),
)
CHEMISTRY = Room(
    "chemistry-lab",
    "Chemistry lab, week 3",
    people=("ada", "elif", "kofi", "jun", "ines", "dana", "chidi", "bob"),
    hosts=("mia",),
    managers=("mia",),
    opens=timedelta(hours=-26),
    closes=timedelta(hours=-24),
)
MATHS = Room("maths-club", "Maths club", hosts=("mia",), groups=("Maths club",))
LECTURE = Room(
    "open-lecture",
    "Open lecture",
    consent="This lecture is recorded: sound, picture, and what is written in the chat.\n\n"
    "The recording stays on the school's own server for one year. Whoever was enrolled can watch it there; nobody "
    "else can.\n\nYou can keep your camera and microphone off, and leave at any time.",
    people=("bob",),
    listed="bob\nchidi@demo.example\nElif\nfarid\nines\nfarid@demo.example\nheidi\nnobody@demo.example\nkofi",
)
STAFF = Room(
    "staff-meeting",
    "Weekly staff meeting",
    people=("ada", "chidi", "ines"),
    hosts=("sam",),
    opens=timedelta(minutes=30),
    closes=timedelta(minutes=90),
)

ROOMS = (
    ALGEBRA,
    PHYSICS,
    MATHS,
    LECTURE,
    STAFF,
    CHEMISTRY,
    Room("book-club", "Book club", people=("ada", "ines", "jun"), status="INACTIVE"),
    Room(
        "town-hall",
        "Town hall",
        hosts=("mia",),
        managers=("mia",),
        admission="signed_in",
        preset="webinar_viewer",
    ),
    Room(
        "office-hours",
        "Office hours",
        people=("bob", "dana", "kofi"),
        admission="signed_in",
        capacity=3,
    ),
)


@dataclass(frozen=True)
class Past:
    """A session that was held: ``visits`` are usernames with the minutes of joining and leaving. Once a week ``ago``,
    or when the room's window opened."""

    room: Room
    minutes: int
    visits: tuple[tuple[str, float, float], ...]
    ago: timedelta | None = None
    id: UUID = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", uuid5(_NAMESPACE, f"session-{self.room.slug}-{self.ago}"))


def _algebra(weeks: int, *visits: tuple[str, float, float]) -> Past:
    return Past(ALGEBRA, 60, visits, ago=timedelta(weeks=weeks))


_MIA, _BOB, _CHIDI, _DANA, _JUN = (
    ("mia", -2, 60),
    ("bob", 0, 58),
    ("chidi", 1, 60),
    ("dana", 2, 60),
    ("jun", 12, 60),
)
PAST = (
    Past(
        CHEMISTRY,
        120,
        (
            ("mia", -4, 120),
            ("ada", -1, 118),
            ("elif", 3, 61),
            ("elif", 70, 120),
            ("kofi", 22, 120),
            ("dana", 0, 35),
            ("dana", 41, 80),
            ("dana", 84, 119),
            ("chidi", 6, 96),
            ("bob", 1, 120),
            ("bob", 15, 50),
        ),
    ),
    _algebra(6, _MIA, _BOB, _CHIDI, _DANA, _JUN),
    _algebra(5, _MIA, _BOB, _DANA, _JUN),
    _algebra(4, _MIA, _BOB, _CHIDI),
    _algebra(3, _MIA, _CHIDI, _DANA, _JUN),
    _algebra(2, _MIA, _BOB, _DANA),
    _algebra(1, _MIA, _BOB, _CHIDI, _JUN),
)
