"""A simulated telescope with logins of its own on the real broker, and our ledger before it."""

import asyncio
import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer as Client
from nightjar_telescope import CommandAcknowledgment, TelescopeCommand, TelescopeStatus
from sqlalchemy import select

from broker import kafka_admin
from broker.config import config
from broker.db import transaction
from broker.kafka import own_connection
from pipeline import bootstrap
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.simulate.telescope import Manners, spectrum
from pipeline.simulate.telescope_bus import COMPONENTS
from pipeline.telescope import codec, ledger, registration, send
from pipeline.telescope.record import telescope
from pipeline.telescope.tables import (
    TelescopeAcknowledgment,
    TelescopeLatestStatus,
)
from pipeline.telescope.tables import TelescopeCommand as CommandRow
from pipeline.telescope.topics import telescope_topics
from pipeline.telescope.wish import restored
from pipeline.topics import TELESCOPE_DATA
from tests import native
from tests.e2e.system import System, running
from tests.integration.telescope.conftest import asked, records, wish, word
from tests.integration.telescope.test_rights import given, taken
from tests.integration.telescope_client.world import Bus
from tests.integration.telescope_data.world import rows

__all__ = ["taken"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

PATIENCE_S = 120.0
ROBOTICS, HANDLER = "telescope-robotics", "telescope-data-handler"
MINUTE_MS = 60_000


class Field:
    """A telescope's two applications, played; and whoever listens to them."""

    def __init__(self, name: str, system: System, folder: Path) -> None:
        self.telescope = telescope(name)
        self.system = system
        self.folder = folder

    def play(self, application: str, *options: str) -> None:
        login = self.folder / f"{application}.properties"
        if not login.exists():
            known = given(self.telescope, application)
            login.write_text("\n".join(f"{key}={value}" for key, value in known.items()))
        words = ("--name", self.telescope.name, "--login", str(login), "--speed", "60")
        self.system.start(application, "manage.py", "simulate_telescope", *words, *options)

    def listen(self) -> None:
        for stream in ("telescope", "telescope_data"):
            self.system.start_listeners(stream)
        words = (
            "-m",
            "celery",
            "-A",
            "broker.celery",
            "worker",
            "-Q",
            TELESCOPE_DATA.queue,
            "-c",
            "1",
        )
        self.system.start("worker", *words, "--without-gossip", "--without-mingle")

    def wait(self, is_so, what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < give_up_at, f"{what} never came\n{self.system.tails()}"
            time.sleep(0.2)

    def wait_until_all_are_there(self) -> None:
        """Wait until both applications have told how each component is."""
        self.wait(lambda: len(told()) == 2 * len(COMPONENTS), "every component's status")

    def said(self, kind: type, topic: str) -> list:
        """Return what lies on a topic."""
        prefix = self.telescope.prefix
        return read(Bus(prefix), kind, topic)


def read(bus: Bus, kind: type, topic: str) -> list:
    async def poll() -> list:
        async with bus.consumer(kind, topic=topic) as consumer:
            found, quiet = [], 0
            while quiet < 3:
                more = await consumer.poll(1000)
                found += more
                quiet = 0 if more else quiet + 1
            return found

    return asyncio.run(poll())


def told() -> list[TelescopeLatestStatus]:
    with transaction() as session:
        return list(session.scalars(select(TelescopeLatestStatus)))


def row(command_id: str) -> CommandRow:
    with transaction() as session:
        return session.get_one(CommandRow, command_id)


def acknowledgments(command_id: str) -> list[TelescopeAcknowledgment]:
    found = select(TelescopeAcknowledgment).where(TelescopeAcknowledgment.command_id == command_id)
    with transaction() as session:
        return list(session.scalars(found.order_by(TelescopeAcknowledgment.source_offset)))


@pytest.fixture
def field(database, kafka, real_registry, transactional_db, taken, set_up, tmp_path):
    name = word()
    set_up(
        telescopes=records(name),
        archive__path=str(tmp_path / "archive"),
        streams__telescope_data__group_prefix=f"nightjar-{name}-",
        telescope__group_id=f"nightjar-{name}",
        ranges__session_timeout_ms="6000",
    )
    native.patiently(lambda: kafka_admin.ensure_topics(telescope_topics(config())))
    native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
    codec.codec.cache_clear()
    registry_client = SchemaRegistry(config().registry.url)
    registration.register(registry_client, registration.subjects([telescope(name)]))
    logs = tmp_path / "logs"
    logs.mkdir()
    with running({}, logs) as system:
        yield Field(name, system, tmp_path)
    codec.codec.cache_clear()


def test_a_command_goes_through_every_stage_and_its_data_are_stored(field):
    field.listen()
    field.play(ROBOTICS)
    field.play(HANDLER, "--chunks", "7", "--chunk-bytes", "1000", "--duplicate", "0.3")
    field.wait_until_all_are_there()

    act = ledger.create(wish(field.telescope.name, integration_time=180.0), "owl")
    native.patiently(lambda: send.send_all(field.telescope.name))

    field.wait(lambda: row(act.command_id).state == "completed", "the end")
    done = row(act.command_id)
    times = [done.created_at, done.sent_at, done.received_at, done.started_at, done.finished_at]
    assert times == sorted(times)
    assert done.progress_percent == 100
    acks = acknowledgments(act.command_id)
    for application in (ROBOTICS, HANDLER):
        ours = [each for each in acks if each.source_application == application]
        progress = [each.progress_percent for each in ours if each.status == "started"]
        assert sorted({each for each in progress if each}) == [25, 50, 75]
    field.wait(lambda: len(rows()) == 7, "the last piece of data")
    observation_id = done.observation_id
    manners = Manners(chunk_bytes=1000)
    assert {data_id: bytes(each.data) for data_id, each in rows().items()} == {
        f"{observation_id}-{n:06d}": spectrum(observation_id, n, manners) for n in range(7)
    }
    assert {each.observation_id for each in rows().values()} == {observation_id}


def test_expired_commands_are_rejected_at_the_start_and_each_id_is_carried_out_once(field):
    late, now = asked(field.telescope.name), time.time_ns() // 1_000_000
    expired = sent(field, late, now - MINUTE_MS)
    fresh = sent(field, asked(field.telescope.name), now + 10 * MINUTE_MS, times=3)

    field.play(HANDLER, "--chunks", "2", "--seed", "3")
    field.wait(lambda: "completed" in field.system.tails(), "the end of the one that is not")
    field.play(ROBOTICS, "--reject", "1")
    field.wait(
        lambda: "rejected" in (field.system.logs / f"{ROBOTICS}.log").read_text(), "its word"
    )

    said = field.said(CommandAcknowledgment, field.telescope.acknowledgments)
    by_handler = [each for each in said if each.source_application == HANDLER]
    of_expired = [each for each in by_handler if each.command_id == expired]
    assert [(each.status.value, each.error_code) for each in of_expired] == [
        ("rejected", "expired")
    ]
    of_fresh = [each.status.value for each in by_handler if each.command_id == fresh]
    assert (of_fresh.count("received"), of_fresh.count("completed")) == (1, 1)
    by_robotics = {
        (each.command_id, each.error_code) for each in said if each.source_application == ROBOTICS
    }
    assert by_robotics == {(expired, "expired"), (fresh, "weather")}


def test_a_cancel_ends_what_is_under_way_and_sigterm_says_so(field):
    now = time.time_ns() // 1_000_000
    field.play(ROBOTICS)
    long = sent(field, asked(field.telescope.name, integration_time=3000.0), now + 10 * MINUTE_MS)
    field.wait(lambda: '"started"' in field.system.tails(), "its start")
    cancel = sent(field, long, now, command_type="cancel_observation")
    none = sent(field, asked(field.telescope.name), now, command_type="cancel_observation")
    field.wait(lambda: '"completed"' in field.system.tails(), "the end of the cancel")

    process = field.system.processes.pop(ROBOTICS)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0

    said = field.said(CommandAcknowledgment, field.telescope.acknowledgments)
    of = {
        command_id: [
            (each.status.value, each.error_code) for each in said if each.command_id == command_id
        ]
        for command_id in (long, cancel, none)
    }
    assert of[long][-1] == ("failed", "cancelled")
    assert of[cancel] == [("received", None), ("completed", None)]
    assert of[none] == [("rejected", "not_running")]
    status = field.said(TelescopeStatus, field.telescope.status)
    assert {each.component for each in status} == set(COMPONENTS)
    last = status[-len(COMPONENTS) :]
    assert [each.is_operational for each in last] == [False] * 3
    assert status[0].is_operational


def test_a_login_of_another_telescope_is_refused_by_name(field, tmp_path):
    other = tmp_path / "other.properties"
    other.write_text("sasl.username=nobody\nsasl.password=x\n")

    field.system.start(
        "stranger", "manage.py", "simulate_telescope", "--name", field.telescope.name,
        "--login", str(other),
    )  # fmt: skip

    process = field.system.processes.pop("stranger")
    assert process.wait(60) == 1
    said = (field.system.logs / "stranger.log").read_text()
    assert f"is the login of nobody; {field.telescope.name} has" in said


def sent(
    field: Field, command_id: str, expires_at_ms: int, times: int = 1, command_type: str = ""
) -> str:
    """Write the command of a row to its topic, or one that cancels it; return its id."""
    kept, topic = row(command_id), field.telescope.commands
    command = TelescopeCommand(
        f"{command_id}-cancel" if command_type else command_id,
        command_type or kept.command_type,
        time.time_ns() // 1_000_000,
        restored(kept.request),
    )
    client = Client(own_connection("admin"))
    for _ in range(times):
        client.produce(
            topic,
            codec.codec().encode(command, topic),
            command.command_id,
            headers={"expires_at": str(expires_at_ms)},
        )
    assert client.flush(30) == 0
    return command.command_id
