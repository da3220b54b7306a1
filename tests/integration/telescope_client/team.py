"""A telescope team with the wheel alone: its environment, its login, the programs of our pages."""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from nightjar_telescope.messages import KINDS

from broker import kafka_admin
from broker.config import ROOT, config
from pipeline.telescope.record import Telescope, telescope
from pipeline.telescope.topics import telescope_topics
from tests import native
from tests.environment import of_a_stranger
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_client.wheel import build, install
from tests.integration.telescope_client.world import register_schema

PAGES = ("telescope-client.md", "telescope-registry.md", "telescope-troubleshooting.md")
TEXT = "\n".join((ROOT / "docs" / page).read_text() for page in PAGES)
REGISTRY, PREFIX = '"http://localhost:8081/apis/ccompat/v7"', '"telescope.tca."'
LOGIN = "robotics.properties"


def program(name: str, telescope_prefix: str) -> str:
    """Return a program of a page, with the places of this run."""
    (found,) = re.findall(rf"<!-- {name}: .*? -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert found.count(REGISTRY) == found.count(PREFIX) == 1
    return str(
        found.replace(REGISTRY, repr(config().registry.url)).replace(PREFIX, repr(telescope_prefix))
    )


@pytest.fixture
def tca(
    kafka: native.Parts,
    real_registry: native.Parts,
    set_up: Callable[..., None],
    transactional_db: None,
) -> Iterator[Telescope]:
    """A telescope with topics, schemas, and one application that may write."""
    from accounts.models import KafkaCredential
    from pipeline import bootstrap

    name = word()
    application = {"name": "robotics", "is_required": True, "writes_data": True}
    set_up(telescopes=records(name, applications=[application]))
    kafka_admin.ensure_topics(telescope_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    for kind in KINDS:
        register_schema(kind.message, telescope(name).prefix + kind.topic_end)
    yield telescope(name)
    for principal in KafkaCredential.objects.values_list("principal", flat=True):
        kafka_admin.revoke(principal)


def _heed_interrupts() -> None:
    """Undo what a shell gives to what it runs in the background: Ctrl-C ends a team's program."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Team:
    """A folder with the login, and a Python that has the wheel and what it needs."""

    def __init__(self, folder: Path, python: Path, prefix: str) -> None:
        self.folder = folder
        self.python = python
        self.prefix = prefix
        self.running: list[subprocess.Popen[bytes]] = []

    def __call__(self, name: str) -> "tuple[subprocess.Popen[bytes], Path]":
        """Start a program of a page; return it and its log."""
        self._write(name, {})
        log = self.folder / f"{name}.log"
        with log.open("w") as out:
            words = [str(self.python), "-X", "faulthandler", "-P", name]
            self.running.append(
                subprocess.Popen(
                    words,
                    cwd=self.folder,
                    env=of_a_stranger(),
                    stdout=out,
                    stderr=out,
                    preexec_fn=_heed_interrupts,  # noqa: PLW1509 nothing here runs in threads
                )
            )
        return self.running[-1], log

    def said(self, name: str, changed: dict[str, str] | None = None) -> str:
        """Run a program of a page to its end, some of its text changed; return what it printed."""
        self._write(name, changed or {})
        done = subprocess.run(
            [str(self.python), "-P", name],
            cwd=self.folder,
            env=of_a_stranger(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _write(self, name: str, changed: dict[str, str]) -> None:
        text = program(name, self.prefix)
        for old, new in changed.items():
            assert old in text
            text = text.replace(old, new)
        (self.folder / name).write_text(text)


@pytest.fixture
def team(tca: Telescope, tmp_path: Path) -> Iterator[Team]:
    """A folder with the wheel's environment and the login."""
    python = install(build(tmp_path))
    out = StringIO()
    call_command("telescope_credential", tca.name, "robotics", stdout=out, stderr=StringIO())
    (tmp_path / LOGIN).write_text(out.getvalue())
    yield (found := Team(tmp_path, python, tca.prefix))
    for each in found.running:
        each.kill()
        each.wait()
