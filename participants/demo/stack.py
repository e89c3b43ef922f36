"""One running Rollcall: sandbox, migrated and seeded database, web server, worker."""

import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import requests

from participants.demo import children, credentials
from participants.demo.children import Child
from participants.demo.credentials import Credentials
from participants.demo.failures import DemoError
from participants.demo.folder import PROJECT, Folder
from participants.demo.ports import HOST

START_SECONDS = 60.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
"""All that the children inherit: an operator's own DJANGO_* or REALTIMEKIT_* must not reach the demo."""


@dataclass
class Stack:
    folder: Folder
    web_port: int
    sandbox_port: int
    workers: int = 2
    threads: int = 32
    working: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    credentials: Credentials = field(init=False)
    running: list[Child] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.credentials = credentials.load_or_make(self.folder.credentials)

    @property
    def web(self) -> str:
        return f"http://{HOST}:{self.web_port}"

    @property
    def sandbox(self) -> str:
        return f"http://{HOST}:{self.sandbox_port}"

    @property
    def api_base(self) -> str:
        """What stands in for https://api.cloudflare.com/client/v4."""
        return f"{self.sandbox}/client/v4"

    def start(self, say: Callable[[str], object] = lambda text: None) -> None:
        """Start everything and return when it answers. Raises DemoError; call ``stop`` in any case."""
        say("Starting the sandbox that stands in for RealtimeKit")
        self._run(
            "sandbox",
            *("sandbox", "--host", HOST, "--port", str(self.sandbox_port)),
            *("--state", str(self.folder.sandbox_state)),
        )
        say("Bringing the database up to date")
        self._manage("migrate", "migrate", "--noinput", "--verbosity", "1")
        self.wait_until_answers(f"{self.sandbox}/_sandbox/health")
        say("Starting the web server")
        self.serve("web", "config.wsgi:application", self.web_port)
        say("Seeding people and meetings")
        self._manage("seed", "seed_demo")
        if self.working:
            self._run("worker", "worker")
        self.wait_until_answers(f"{self.web}/accounts/login/")

    def stop(self) -> None:
        # The web server first: requests it is still answering may need the sandbox.
        late = [child for child in self.running if child.name == "sandbox"]
        children.stop_all(child for child in self.running if child not in late)
        children.stop_all(late)
        self.running.clear()

    def replace_worker(self, ended: Child) -> None:
        """As a supervisor does where Rollcall is at home."""
        self.running.remove(ended)
        self._run("worker", "worker")

    def find_ended(self) -> Child | None:
        return next((child for child in self.running if child.has_ended), None)

    def serve(self, name: str, application: str, port: int) -> None:
        """Start one web server; the benchmark runs a second one beside the first."""
        command = [
            *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", HOST),
            *("--port", str(port), "--workers", str(self.workers)),
            *("--blocking-threads", str(self.threads), "--backlog", "1024", "--no-ws"),
            *("--respawn-failed-workers", "--respawn-interval", "1", "--workers-kill-timeout", "5"),
            application,
        ]
        log = self.folder.log_of(name)
        self.running.append(Child(name, command, env=self.build_environment(), log=log))

    def build_environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return kept | {
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DJANGO_SECRET_KEY": self.credentials.secret_key,
            "DJANGO_ALLOWED_HOSTS": "localhost,127.0.0.1",
            "DJANGO_CSRF_TRUSTED_ORIGINS": f"{self.web},http://localhost:{self.web_port}",
            "DJANGO_SECURE_SSL_REDIRECT": "false",
            "DJANGO_SESSION_COOKIE_SECURE": "false",
            "DJANGO_CSRF_COOKIE_SECURE": "false",
            "ROLLCALL_DATA_DIR": str(self.folder.path),
            "TOKEN_ENCRYPTION_KEYS": self.credentials.encryption_key,
            "REALTIMEKIT_BASE_URL": self.api_base,
            "REALTIMEKIT_ACCOUNT_ID": self.credentials.account_id,
            "REALTIMEKIT_APP_ID": self.credentials.app_id,
            "REALTIMEKIT_API_TOKEN": self.credentials.api_token,
            "REALTIMEKIT_WEBHOOK_KEY_URL": f"{self.sandbox}/.well-known/webhooks.json",
            "ROLLCALL_PUBLIC_URL": self.web,
            "EMAIL_URL": f"filemail://{self.folder.path / 'mail'}",
            "WEB_THREADS": str(self.threads),
            **self.settings,
        }

    def _run(self, name: str, *arguments: str) -> None:
        log = self.folder.log_of(name)
        command = (sys.executable, str(PROJECT / "manage.py"), *arguments)
        self.running.append(Child(name, command, env=self.build_environment(), log=log))

    def _manage(self, name: str, *arguments: str) -> None:
        command = (sys.executable, str(PROJECT / "manage.py"), *arguments)
        children.run_once(name, command, env=self.build_environment(), log=self.folder.log_of(name))

    def wait_until_answers(self, address: str) -> None:
        """Poll until a good answer, or until a child ends."""
        deadline = time.monotonic() + START_SECONDS
        headers = {"Authorization": f"Bearer {self.credentials.api_token}"}
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the environment is not for this machine
            while time.monotonic() < deadline:
                if ended := self.find_ended():
                    raise DemoError(ended.describe_end())
                try:
                    if session.get(address, timeout=5, headers=headers).ok:
                        return
                except requests.RequestException:
                    pass
                time.sleep(0.05)
        logs = "\n".join(children.quote_tail(child.log) for child in self.running)
        raise DemoError(f"{address} did not answer well within {START_SECONDS:.0f} s.\n{logs}")
