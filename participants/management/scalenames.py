"""Names, titles and shares that made-up data is made of."""

FIRST = (
    *(
        "Ada",
        "Alma",
        "Amir",
        "Anna",
        "Ben",
        "Bilal",
        "Carla",
        "Chen",
        "Clara",
        "Dara",
        "Dilan",
        "Ebba",
        "Elif",
        "Emil",
    ),
    *(
        "Farid",
        "Fatma",
        "Finn",
        "Greta",
        "Hana",
        "Hugo",
        "Ines",
        "Ivo",
        "Jana",
        "Jonas",
        "Jun",
        "Kaan",
        "Lea",
        "Liam",
    ),
    *("Lina", "Malik", "Maria", "Mia", "Nils", "Noor", "Omar", "Paula", "Rosa", "Sami", "Tara", "Yusuf"),
)
_HEADS = ("Al", "Ber", "Cor", "Dan", "El", "Fal", "Gor", "Hal", "Im", "Jor", "Kel", "Lor", "Mor", "Nor", "Os", "Per")
_MIDDLES = ("a", "be", "di", "en", "fi", "go", "ha", "in", "ko", "li", "mo", "na", "or", "pe", "ri", "su")
_TAILS = ("berg", "dal", "feld", "man", "ner", "sen", "stein", "wald")
LAST = tuple(f"{head}{middle}{tail}" for tail in _TAILS for middle in _MIDDLES for head in _HEADS)
SUBJECTS = (
    "Algebra",
    "Biology",
    "Chemistry",
    "Drawing",
    "English",
    "French",
    "Geography",
    "History",
    "Music",
    "Physics",
)
PRESETS = (
    ("scale_participant", 0.70),
    ("scale_guest", 0.15),
    ("scale_listener", 0.08),
    ("scale_host", 0.04),
    ("scale_tutor", 0.02),
    ("scale_speaker", 0.007),
    ("scale_observer", 0.002),
    ("scale_examiner", 0.001),
)
"""Each with its share of the participants."""
GROUPS = (("Everybody", 0.5), ("Boarders", 0.1), ("Choir", 0.01), ("Council", 0.001))
"""Each with its share of the users; classes come beside them."""
