"""The telescope bus as it runs: registry, listeners, a worker, web, and telescopes that are played."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from broker import kafka_admin
from broker.config import config
from pipeline import bootstrap
from pipeline.telescope.record import Telescope, telescope
from pipeline.telescope.topics import telescope_topics
from tests import native
from tests.e2e.site import NEVER_RECONCILE, free_port, start_web
from tests.e2e.system import System
from tests.e2e.upkeep import CELERY, QUIET, use_own_redis
from tests.integration.telescope.conftest import ASKED, records, word
from tests.redis_databases import RedisDatabase

PATIENCE_S = 240.0
LISTENERS = ("telescope", "telescope_data")
ROBOTICS, HANDLER = "telescope-robotics", "telescope-data-handler"
MAKE_OPERATOR = """
from django.contrib.auth.models import Group, User
from accounts.staff_tokens import new_staff_token
user = User.objects.create_user("robot", is_staff=True)
user.groups.add(Group.objects.get_or_create(name="operator")[0])
print("TOKEN", new_staff_token(user, "night", 1)[1])
"""


@dataclass
class Bus:
    """The running processes, and a program of an operator's.

    Attributes
    ----------
    system : System
        Its processes and its database.
    telescope : Telescope
        Like BEAM, with topics that no other test has.
    url, token : str
        Of the REST, and what opens it.
    """

    system: System
    telescope: Telescope
    url: str
    token: str
    principals: list[str] = field(default_factory=list)

    def play(self, application: str, *options: str) -> None:
        """Give an application a login, and let the simulator play it with these rights."""
        name = self.telescope.name
        login = self.system.folder / f"{application}.properties"
        self.principals.append(self.telescope.principal(application))
        login.write_text(self.system.manage("telescope_credential", name, application))
        words = ("--name", name, "--login", str(login))
        self.system.start(application, "manage.py", "simulate_telescope", *words, *options)

    def ask(self, integration_s: float, **more: Any) -> str:
        """Ask for an observation by REST; return the command's id."""
        observation = ASKED | {"integration_time": integration_s}
        body = {"telescope": self.telescope.name, "observation": observation}
        made = self.rest("commands", body | more)
        return str(made["data"]["command_id"])

    def command(self, command_id: str) -> dict[str, Any]:
        """Return what REST says of a command."""
        found: dict[str, Any] = self.rest(f"commands/{command_id}")["data"]
        return found

    def wait_for(self, command_id: str, state: str) -> dict[str, Any]:
        """Wait until a command is in a state; return it."""
        found: dict[str, Any] = {}

        def is_so() -> bool:
            found.update(self.command(command_id))
            return bool(found["state"] == state)

        self.wait(is_so, f"{state} of {command_id}")
        return found

    def wait_until_heard(self) -> None:
        """Wait until nothing speaks against a command."""
        name = self.telescope.name

        def is_so() -> bool:
            [found] = [one for one in self.rest("status")["data"] if one["telescope"] == name]
            return not found["doubts"]

        self.wait(is_so, "word of how every application is")

    def wait(self, is_so: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < give_up_at, f"{what} never came\n{self.system.tails()}"
            time.sleep(0.3)

    def rest(self, path: str, body: Any = None) -> Any:
        """Ask the REST of telescopes; a refusal is an error that shows what was said."""
        request = urllib.request.Request(
            f"{self.url}/api/telescope/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error


@contextmanager
def running(system: System, *more_telescopes: str, **settings: str) -> Iterator[Bus]:
    """Run the bus on a system.

    Parameters
    ----------
    system : System
        Without processes so far.
    *more_telescopes : str
        Names of further telescopes, which have a record and no topics.
    **settings : str
        Further settings of its processes.
    """
    name = word()
    own = {
        "NIGHTJAR_TELESCOPES": records(name, *more_telescopes),
        "NIGHTJAR_TELESCOPE__GROUP_ID": f"nightjar-{name}",
        "NIGHTJAR_STREAMS__TELESCOPE_DATA__GROUP_PREFIX": f"nightjar-{name}-",
        "NIGHTJAR_RANGES__SESSION_TIMEOUT_MS": "6000",
        # A machine that is busy with other tests must not end a command by its deadlines.
        "NIGHTJAR_TELESCOPE__RECEIVE_WITHIN_S": "600",
        "NIGHTJAR_TELESCOPE__CANCEL_WITHIN_S": "600",
    }
    with pytest.MonkeyPatch.context() as patch:
        for setting, text in own.items():
            patch.setenv(setting, text)
        config.cache_clear()
        found = telescope(name)
        specs = [spec for spec in telescope_topics(config()) if spec.name.startswith(found.prefix)]
        native.patiently(lambda: kafka_admin.ensure_topics(specs))
        native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
        port = free_port()
        web = {
            "NIGHTJAR_WEB__PORT": str(port),
            "NIGHTJAR_WEB__PUBLIC_URL": f"http://localhost:{port}",
        }
        use_own_redis(system, RedisDatabase.TELESCOPES, **(own | web | NEVER_RECONCILE | settings))
        printed = system.manage("shell", "-v", "0", "-c", MAKE_OPERATOR)
        token = printed[printed.index("TOKEN") :].split()[1]
        system.manage("generate_schemas", "--register")
        system.start_listeners(*LISTENERS)
        start_worker(system)
        start_web(system, f"http://localhost:{port}")
        bus = Bus(system, found, f"http://localhost:{port}", token)
        try:
            yield bus
        finally:
            system.stop_all()
            for principal in bus.principals:
                kafka_admin.revoke(principal)
    config.cache_clear()


def start_worker(system: System) -> None:
    """Start beat, and a worker for what the bus rings for."""
    words = ("worker", "-Q", "commands,telescope_data", "--concurrency", "2")
    system.start("worker", *CELERY, *words, "--hostname", f"bus-{system.name}@%h", *QUIET)
    system.start("beat", *CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")
