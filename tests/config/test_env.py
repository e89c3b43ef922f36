"""Readers of the environment: a wrong value is a clear error that names the variable."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ImproperlyConfigured

from config import env

NAME = "ROLLCALL_TEST_VALUE"


def make_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


HERE = Path("unused.sqlite3")
READERS: dict[str, Callable[[str], Any]] = {
    "flag": lambda name: env.read_flag(name, default=False),
    "seconds": lambda name: env.read_seconds(name, default=3),
    "count": lambda name: env.read_count(name, default=32, minimum=2),
    "budget": lambda name: env.read_budget(name, default=(3000, 300)),
    "rate": lambda name: env.read_rate(name, default=(300, 60)),
    "level": lambda name: env.read_level(name, default="INFO"),
    "url": lambda name: env.read_url(name, default="https://api.example.org"),
    "origins": env.read_origins,
    "keys": env.read_fernet_keys,
    "public_key": env.read_public_key,
    "networks": env.read_networks,
    "database": lambda name: env.read_database(name, default=HERE),
    "cache": env.read_cache,
    "mail": env.read_mail,
    "choice": lambda name: env.read_choice(name, default="any", choices=("any", "first")),
}
KEY = "YSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcywgZXhhY3Q="
WRONG = [
    ("flag", "maybe"),
    ("public_key", "no pem"),
    ("public_key", "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----"),
    ("public_key", make_pem(ec.generate_private_key(ec.SECP256R1()))),
    ("public_key", make_pem(rsa.generate_private_key(65537, 1024))),
    ("flag", "2"),
    ("seconds", "soon"),
    ("seconds", "0"),
    ("seconds", "-1"),
    ("seconds", "nan"),
    ("seconds", "inf"),
    ("count", "1"),
    ("count", "2.5"),
    ("count", "many"),
    *[("budget", text) for text in ("3000", "9/1", "x/300", "3000/0", "3000/5min", "1/2/3", "3000/86401")],
    ("rate", "300"),
    ("rate", "300/fortnight"),
    ("rate", "0/min"),
    ("rate", "-1/min"),
    ("rate", "x/min"),
    ("rate", "1/2/3"),
    ("level", "LOUD"),
    ("url", "api.example.org"),
    ("url", "ftp://example.org"),
    ("url", "https://"),
    ("url", "https://example.org/?q=1"),
    ("url", "https://example.org/#top"),
    ("url", "http://[::1"),
    ("origins", "https://app.example.org/path"),
    ("origins", "app.example.org"),
    ("origins", "https://a.example.org, *"),
    ("keys", "short"),
    ("keys", f"{KEY},not-a-key"),
    ("networks", "10.0.0.0/33"),
    ("networks", "proxy.example.org"),
    ("database", "mysql://user:hunter2@db/rollcall"),
    ("database", "rollcall.sqlite3"),
    ("database", "postgres://user:hunter2@db:port/rollcall"),
    ("cache", "memcached://cache"),
    ("cache", "localhost:6379"),
    ("mail", "mail.example.org"),
    ("mail", "http://mail.example.org"),
    ("mail", "smtp://"),
    ("mail", "smtp://user:hunter2@mail.example.org:port"),
    ("choice", "second"),
]


@pytest.mark.parametrize(
    ("reader", "text"), WRONG, ids=[f"{place}-{reader}" for place, (reader, _) in enumerate(WRONG)]
)
def test_a_wrong_value_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, reader: str, text: str
) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured) as caught:
        READERS[reader](NAME)
    assert str(caught.value).startswith(NAME)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        ("keys", f"{KEY[:-4]}!!!!"),
        ("database", "mysql://user:hunter2@db/rollcall"),
        ("database", "postgres://user:hunter2@db:port/rollcall"),
        ("mail", "smtp://user:hunter2@mail.example.org:port"),
    ],
)
def test_the_error_shows_no_secret(monkeypatch: pytest.MonkeyPatch, reader: str, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured) as caught:
        READERS[reader](NAME)
    assert "hunter2" not in str(caught.value)
    assert KEY[:20] not in str(caught.value)


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        ("flag", "True", True),
        ("flag", " yes ", True),
        ("flag", "off", False),
        ("flag", "", False),
        ("seconds", "2.5", 2.5),
        ("seconds", "", 3),
        ("count", " 8 ", 8),
        ("budget", "600/10", (600, 10)),
        ("budget", "", (3000, 300)),
        ("rate", "10/s", (10, 1)),
        ("rate", "5/Hour", (5, 3600)),
        ("rate", "", (300, 60)),
        ("level", "debug", "DEBUG"),
        ("level", "", "INFO"),
        ("url", "http://127.0.0.1:8787/client/v4/", "http://127.0.0.1:8787/client/v4"),
        ("url", "", "https://api.example.org"),
        (
            "origins",
            "https://a.example.org, http://localhost:3000",
            ["https://a.example.org", "http://localhost:3000"],
        ),
        ("origins", "", []),
        ("keys", f"{KEY}, {KEY},", [KEY, KEY]),
        ("networks", "", []),
        ("choice", "First", "first"),
        ("choice", "", "any"),
    ],
    ids=str,
)
def test_a_right_value_is_read(monkeypatch: pytest.MonkeyPatch, reader: str, text: str, value: Any) -> None:
    monkeypatch.setenv(NAME, text)
    assert READERS[reader](NAME) == value


@pytest.mark.parametrize("reader", READERS)
def test_an_unset_variable_has_a_default(reader: str, tmp_path: Path) -> None:
    read = READERS[reader] if reader != "database" else lambda name: env.read_database(name, default=tmp_path / "db")
    read("ROLLCALL_TEST_NEVER_SET")


def test_networks_may_be_single_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "10.0.0.7, 10.1.0.0/16, ::1")
    assert [str(network) for network in env.read_networks(NAME)] == ["10.0.0.7/32", "10.1.0.0/16", "::1/128"]


def test_a_database_address_may_name_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "postgres://app:p%40ss@%2Frun%2Fpostgresql/rollcall")
    database = env.read_database(NAME, default=HERE)
    assert (database["HOST"], database["USER"], database["PASSWORD"]) == ("/run/postgresql", "app", "p@ss")
    assert database["NAME"] == "rollcall"


def test_without_a_database_address_its_folder_is_made(tmp_path: Path) -> None:
    database = env.read_database("ROLLCALL_TEST_NEVER_SET", default=tmp_path / "new" / "rollcall.sqlite3")
    assert database["NAME"] == str(tmp_path / "new" / "rollcall.sqlite3")
    assert (tmp_path / "new").is_dir()


def test_a_valkey_address_is_read_as_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "valkey://cache:6379/1")
    assert env.read_cache(NAME)["LOCATION"] == "redis://cache:6379/1"


def test_a_mail_server_is_read_with_its_password_and_encryption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "smtp+tls://rollcall%40example.org:a%23b@mail.example.org:587")
    found = env.read_mail(NAME)
    names = ("EMAIL_HOST", "EMAIL_PORT", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "EMAIL_USE_TLS", "EMAIL_USE_SSL")
    assert [found[name] for name in names] == ["mail.example.org", 587, "rollcall@example.org", "a#b", True, False]


def test_mails_may_go_into_a_folder_or_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.read_mail("ROLLCALL_TEST_NEVER_SET")["EMAIL_BACKEND"].endswith("dummy.EmailBackend")
    monkeypatch.setenv(NAME, "filemail:///srv/rollcall/my%20mail")
    assert env.read_mail(NAME)["EMAIL_FILE_PATH"] == "/srv/rollcall/my mail"


@pytest.mark.parametrize("secret", ["$ecret", "$HOME", r"\$x", "a=b", '"quoted"', "x#y", "{a}"])
def test_a_secret_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv(NAME, secret)
    assert env.read_text(NAME) == secret


def test_a_value_may_be_given_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("$from-a-file\n", encoding="utf-8")
    monkeypatch.setenv("ROLLCALL_TEST_MOUNTED_FILE", str(tmp_path / "secret"))
    assert env.read_text("ROLLCALL_TEST_MOUNTED") == "$from-a-file"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_a_file_that_cannot_be_read_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("ROLLCALL_TEST_UNREADABLE_FILE", str(tmp_path / "secret"))
    with pytest.raises(ImproperlyConfigured) as caught:
        env.read_text("ROLLCALL_TEST_UNREADABLE")
    assert str(caught.value).startswith("ROLLCALL_TEST_UNREADABLE_FILE")


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [
        (["granian", "--blocking-threads", "4", "config.wsgi:application"], 4),
        (["gunicorn", "--threads=8", "config.wsgi"], 8),
        (["manage.py", "runserver"], 32),
        (["granian", "--blocking-threads", "1"], 2),
    ],
)
def test_the_number_of_threads_is_read_off_the_servers_own_command_line(arguments: list[str], threads: int) -> None:
    assert env.read_threads("WEB_THREADS", arguments=arguments, default=32) == threads


def test_a_number_of_threads_that_is_set_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_THREADS", "6")
    assert env.read_threads("WEB_THREADS", arguments=["granian", "--blocking-threads", "4"], default=32) == 6


def test_a_public_key_may_be_written_in_one_line_or_lie_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pem = make_pem(rsa.generate_private_key(65537, 2048))
    monkeypatch.setenv(NAME, pem.replace("\n", "\\n"))
    assert env.read_public_key(NAME).strip() == pem.strip()
    monkeypatch.delenv(NAME)
    (tmp_path / "key.pem").write_text(pem)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "key.pem"))
    assert env.read_public_key(NAME).strip() == pem.strip()


OTHER = "ROLLCALL_TEST_OTHER_VALUE"  # what a file gave is remembered by its name


@pytest.mark.parametrize(
    ("command", "keeps"),
    [
        (["granian", "config.wsgi:application"], True),
        (["/srv/rollcall/manage.py", "worker", "--threads", "4"], True),
        (["manage.py", "tick", "--every", "5"], True),
        (["manage.py", "tick", "--every=5"], True),
        (["manage.py", "tick"], False),
        (["manage.py", "migrate"], False),
        (["manage.py"], False),
        ([], True),
    ],
    ids=["web", "worker", "scheduler", "scheduler-too", "tick", "migrate", "bare", "none"],
)
def test_only_processes_that_last_keep_numbers_in_the_shared_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str], keeps: bool
) -> None:
    folder = tmp_path / "metrics"
    monkeypatch.setenv(OTHER, str(folder))
    assert env.read_shared_folder(OTHER, arguments=command) == str(folder)
    assert folder.is_dir()
    assert (OTHER in os.environ) is keeps


@pytest.mark.parametrize("text", [None, "", "  "], ids=["unset", "empty", "blanks"])
def test_without_a_shared_folder_nothing_is_made(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    if text is not None:
        monkeypatch.setenv(OTHER, text)
        monkeypatch.setenv(OTHER.lower(), text)
    assert env.read_shared_folder(OTHER, arguments=["granian"]) == ""
    assert {OTHER, OTHER.lower()} & set(os.environ) == set()


def test_a_shared_folder_is_no_other_one_wherever_a_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OTHER, "metrics")
    with pytest.raises(ImproperlyConfigured, match=f"{OTHER} must be the full path of a folder"):
        env.read_shared_folder(OTHER, arguments=["granian"])


def test_a_shared_folder_named_in_a_file_is_one_to_the_package_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = f"{OTHER}_OF_A_FILE"
    monkeypatch.setenv(name, "")  # so that it is put back
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "named"))
    (tmp_path / "named").write_text(f"{tmp_path / 'metrics'}\n")
    env.read_shared_folder(name, arguments=["granian"])
    assert os.environ[name] == str(tmp_path / "metrics")


@pytest.mark.parametrize("text", ["errors.example.org/1", "https://errors.example.org/1", "https://hunter2@errors/"])
def test_an_address_for_reports_that_lacks_a_part_is_refused_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(OTHER, text)
    with pytest.raises(ImproperlyConfigured, match=OTHER) as caught:
        env.read_dsn(OTHER)
    assert "hunter2" not in str(caught.value)


def test_an_address_for_reports_is_kept_to_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OTHER, "https://key:secret@errors.example.org/path/7")
    assert env.read_dsn(OTHER) == "https://key:secret@errors.example.org/path/7"
