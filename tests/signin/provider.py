"""A small OpenID provider over real HTTP: discovery, authorisation, token, keys, userinfo, and bad manners at will.

It keeps the rules of OpenID Connect Core and PKCE that a relying party must meet: a code is given out once, to the
address and the challenge it was asked for. Whoever comes is signed in as ``person``.
"""

import base64
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "rollcall", "a secret between the two"
Claims = dict[str, Any]
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Manners:
    """How the provider misbehaves. ``spoil`` changes the claims of a token before it is signed."""

    spoil: Callable[[Claims], Any] = lambda claims: None
    sign: Callable[[Claims], str] = lambda claims: jwt.encode(claims, _KEY, "RS256", headers={"kid": "first"})
    refuses: str = ""
    discovery: Claims = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Path to a status and a body that are given in place of the right ones."""
    silent: set[str] = field(default_factory=set)
    """Paths that are never answered while the provider runs."""
    userinfo: Claims = field(default_factory=dict)
    lists_second: bool = False


def sign_with_another_key(claims: Claims) -> str:
    return jwt.encode(claims, _OTHER_KEY, "RS256", headers={"kid": "first"})


def sign_with_an_unlisted_key(claims: Claims) -> str:
    return jwt.encode(claims, _OTHER_KEY, "RS256", headers={"kid": "second"})


def sign_with_nothing(claims: Claims) -> str:
    return jwt.encode(claims, "", "none")


def sign_with_the_client_secret(claims: Claims) -> str:
    return jwt.encode(claims, CLIENT_SECRET.ljust(32, "."), "HS256", headers={"kid": "first"})


class Provider:
    """Runs in a thread while it is a context. ``seen`` holds what it was asked, in order."""

    def __init__(self) -> None:
        self.person: Claims = {"sub": "s-1", "email": "ada@example.org", "email_verified": True, "name": "Ada Byron"}
        self.manners = Manners()
        self.seen: list[tuple[str, Claims]] = []
        self.codes: dict[str, Claims] = {}
        self.tokens: dict[str, Claims] = {}
        self._over = Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Handler,), {"provider": self}))
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Provider":
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if not self._over.is_set():
            self._over.set()
            self._server.shutdown()
            self._server.server_close()

    def wait(self) -> None:
        """Until the provider ends: how it answers on a path it is silent on."""
        self._over.wait(60)

    def asked(self, path: str) -> list[Claims]:
        return [given for place, given in self.seen if place == path]

    def discover(self) -> Claims:
        places = {
            "authorization_endpoint": "/authorize",
            "token_endpoint": "/token",
            "userinfo_endpoint": "/userinfo",
        }
        found = {name: f"{self.issuer}{path}" for name, path in places.items()}
        methods = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        return {
            "issuer": self.issuer,
            **found,
            "jwks_uri": f"{self.issuer}/keys",
            **methods,
            **self.manners.discovery,
        }

    def list_keys(self) -> Claims:
        keys = {"first": _KEY, "second": _OTHER_KEY} if self.manners.lists_second else {"first": _KEY}
        public = {kid: json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) for kid, key in keys.items()}
        return {"keys": [{**jwk, "kid": kid, "use": "sig", "alg": "RS256"} for kid, jwk in public.items()]}

    def authorise(self, asked: Claims) -> str:
        """Where the browser is sent back to."""
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT_ID)
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        if self.manners.refuses:
            answer = {"error": self.manners.refuses, "state": asked["state"]}
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = asked
            answer = {"code": code, "state": asked["state"]}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, asked: Claims) -> tuple[int, Claims]:
        given = self.codes.pop(asked.get("code", ""), None)
        if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        challenge = base64.urlsafe_b64encode(sha256(asked.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if given is None or given["redirect_uri"] != asked.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        if given["code_challenge"] != challenge.decode():
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": given["nonce"],
            **self.person,
        }
        self.manners.spoil(claims)
        access = secrets.token_urlsafe(16)
        self.tokens[access] = {**self.person, **self.manners.userinfo}
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        return 200, {**answer, "id_token": self.manners.sign(claims)}


class Handler(BaseHTTPRequestHandler):
    """Each provider has a class of its own."""

    provider: Provider

    def do_GET(self) -> None:
        place, asked = self._read(urlsplit(self.path).query)
        if self._misbehaves(place):
            return
        if place == "/authorize":
            self._send(302, b"", Location=self.provider.authorise(asked))
        elif place == "/userinfo":
            told = self.provider.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
            self._tell(401 if told is None else 200, told or {})
        elif place == "/keys":
            self._tell(200, self.provider.list_keys())
        elif place == "/.well-known/openid-configuration":
            self._tell(200, self.provider.discover())
        else:
            self._tell(404, {})

    def do_POST(self) -> None:
        place, asked = self._read(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        if not self._misbehaves(place):
            self._tell(*(self.provider.exchange(asked) if place == "/token" else (404, {})))

    def _read(self, text: str) -> tuple[str, Claims]:
        place, asked = urlsplit(self.path).path, {name: values[0] for name, values in parse_qs(text).items()}
        self.provider.seen.append((place, asked))
        return place, asked

    def _misbehaves(self, place: str) -> bool:
        if place in self.provider.manners.silent:
            self.provider.wait()
            return True
        if place in self.provider.manners.answers:
            self._send(*self.provider.manners.answers[place])
            return True
        return False

    def _tell(self, status: int, body: Claims) -> None:
        self._send(status, json.dumps(body).encode())

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        return
