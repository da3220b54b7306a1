"""Telescopes on a real broker, a registry that gives ids, and what telescopes say."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from nightjar_telescope import AckStatus, CommandAcknowledgment, TelescopeStatus
from nightjar_telescope.avro import frame
from nightjar_telescope.messages import Message
from nightjar_telescope.schema import schema_text
from sqlalchemy import select
from sqlalchemy.orm import Session

from broker import kafka_admin
from broker.config import config
from broker.kafka_messages import Received
from broker.sections.telescope import BEAM
from pipeline import bootstrap
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.telescope import codec, ledger, tasks
from pipeline.telescope.reception import TelescopeReception
from pipeline.telescope.record import Telescope, telescope
from pipeline.telescope.tables import TelescopeAcknowledgment, TelescopeCommand
from pipeline.telescope.topics import telescope_topics
from pipeline.telescope.wish import Wish
from tests import native
from tests.standins.schema_registry import registering

ASKED = {
    "target_name": "M31",
    "observation_object": "galaxy",
    "ra": 10.68,
    "dec": 41.27,
    "center_frequency": 1420.0,
    "rf_gain": 10.0,
    "if_gain": 10.0,
    "bb_gain": 10.0,
    "observation_type": "imaging",
    "integration_time": 60.0,
    "output_filename": "m31.fits",
}


def records(*names: str, **changes: Any) -> str:
    """Return the setting of telescopes like BEAM, each with topics of its own name."""
    record = BEAM.model_dump() | {"topic_prefix": "", "title": ""} | changes
    return json.dumps(dict.fromkeys(names, record))


def word() -> str:
    """Return a name of a telescope that no other test has."""
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def two(kafka: native.Parts, set_up: Callable[..., None]) -> tuple[Telescope, Telescope]:
    """Two telescopes with their topics, and the pipeline's rights on them."""
    names = word(), word()
    set_up(telescopes=records(*names))
    native.patiently(lambda: kafka_admin.ensure_topics(telescope_topics(config())))
    native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
    one, other = names
    return telescope(one), telescope(other)


@pytest.fixture
def small_registry(set_up: Callable[..., None]) -> Iterator[ThreadingHTTPServer]:
    """A registry that takes every schema, where the real one is too large; the settings name it."""
    with registering() as server:
        set_up(registry__url=server.url)
        codec.codec.cache_clear()
        yield server
    codec.codec.cache_clear()


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was rung for; nobody answers."""
    rung: list[tuple[Any, ...]] = []
    for module in (ledger, tasks):
        monkeypatch.setattr(module, "enqueue", lambda *ring, **_: rung.append(ring))
    monkeypatch.setattr(tasks, "is_heard", lambda _: True)
    return rung


@pytest.fixture
def beam(set_up: Callable[..., None], tmp_path: Path) -> Telescope:
    """A telescope without Kafka: whatever is said of it is handed over by hand."""
    one = BEAM.model_dump() | {
        "applications": [{"name": "robotics"}, {"name": "handler", "writes_data": True}]
    }
    other = one | {"topic_prefix": "telescope.sim."}
    set_up(telescopes=json.dumps({"beam": one, "sim": other}), archive__path=tmp_path / "archive")
    return telescope("beam")


def wish(name: str, **more: Any) -> Wish:
    """Return a wish for an observation that nothing forbids."""
    changes = {key: more.pop(key) for key in list(more) if key in ASKED}
    return Wish(name, ASKED | changes, **more)


def asked(name: str, **more: Any) -> str:
    """Ask for an observation, whatever speaks against it; return its command's id."""
    return ledger.create(wish(name, **more), "owl", is_confirmed=True).command_id


def said(command_id: str, status: str, **more: Any) -> CommandAcknowledgment:
    """Return an acknowledgment."""
    values = {
        "ack_id": str(uuid.uuid4()),
        "timestamp": round(datetime.now(UTC).timestamp() * 1000),
        "source_application": "robotics",
    }
    return CommandAcknowledgment(command_id=command_id, status=AckStatus(status), **values | more)


def told(**more: Any) -> TelescopeStatus:
    """Return a status."""
    values = {
        "status_id": str(uuid.uuid4()),
        "timestamp": round(datetime.now(UTC).timestamp() * 1000),
        "source_application": "robotics",
        "component": "mount",
        "message": "tracking",
    }
    return TelescopeStatus(**values | more)


class Field:
    """The field: what its applications write, with offsets as Kafka would give them."""

    def __init__(self, url: str) -> None:
        self._registry = SchemaRegistry(url)
        self._next: dict[str, int] = {}

    def framed(self, topic: str, message: Message) -> bytes:
        """Return a message as it is written to a topic."""
        number = self._registry.register(f"{topic}-value", schema_text(type(message)).encode())
        return frame(number, message)

    def batch(
        self, topic: str, messages: Sequence[Message | bytes], at: datetime | None = None
    ) -> list[Received]:
        """Return messages as our listener gets them."""
        at_ms = round((at or datetime.now(UTC)).timestamp() * 1000)
        found = []
        for message in messages:
            offset = self._next.get(topic, 0)
            self._next[topic] = offset + 1
            value = message if isinstance(message, bytes) else self.framed(topic, message)
            found.append(Received(topic, 0, offset, at_ms, value))
        return found


@pytest.fixture
def field(small_registry: ThreadingHTTPServer) -> Field:
    """The field, with the registry of this test."""
    return Field(small_registry.url)


@pytest.fixture
def listener(session: Session, beam: Telescope, field: Field) -> Iterator[Callable[..., None]]:
    """Return a function that hands messages to the reception of our listener."""
    reception = TelescopeReception(lambda topic: f"id of {topic}", codec.codec())

    def take(telescope: Telescope, *messages: Message, at: datetime | None = None) -> None:
        status = [each for each in messages if type(each).__name__ == "TelescopeStatus"]
        topic = telescope.status if status else telescope.acknowledgments
        reception.take(field.batch(topic, messages, at))
        session.expire_all()

    yield take
    reception.close()


@pytest.fixture
def sent(session: Session, beam: Telescope, bells: list[Any]) -> Callable[..., str]:
    """Return a function that makes a command that is on its topic."""

    def make(**more: Any) -> str:
        command_id = asked("beam", **more)
        row = session.get_one(TelescopeCommand, command_id)
        row.state, row.sent_at, row.attempts = "sent", datetime.now(UTC), 1
        session.flush()
        return command_id

    return make


@pytest.fixture
def command(session: Session) -> Callable[[str], TelescopeCommand | None]:
    """Return a function that reads a command's row anew."""

    def get(command_id: str) -> TelescopeCommand | None:
        return session.get(TelescopeCommand, command_id, populate_existing=True)

    return get


@pytest.fixture
def dispositions(session: Session) -> Callable[[], list[str]]:
    """Return a function that says what became of all acknowledgments so far."""

    def get() -> list[str]:
        table = TelescopeAcknowledgment
        return list(session.scalars(select(table.disposition).order_by(table.id)))

    return get
