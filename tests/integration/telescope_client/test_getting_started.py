"""The programs of docs/telescope-client.md, run as they stand by a team that has the wheel alone."""

import asyncio
import re
import signal
import subprocess
import time
from io import StringIO

import pytest
from django.core.management import call_command
from nightjar_telescope.messages import (
    KINDS,
    AckStatus,
    CommandAcknowledgment,
    TelescopeCommand,
    TelescopeStatus,
)

from broker import kafka_admin
from broker.config import ROOT, config
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from tests.environment import of_a_stranger
from tests.integration.telescope.conftest import records, word
from tests.integration.telescope_client.wheel import build, install
from tests.integration.telescope_client.world import Bus, register_schema
from tests.unit.telescope_client.messages import command

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

TEXT = (ROOT / "docs" / "telescope-client.md").read_text()
PATIENCE_S = 120.0
END_S = 60
REGISTRY, PREFIX = '"http://localhost:8081/apis/ccompat/v7"', '"telescope.tca."'


def program(name, telescope_prefix):
    """Return a program of the page, with the places of this run."""
    (found,) = re.findall(rf"<!-- {name}: .*? -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    assert found.count(REGISTRY) == found.count(PREFIX) == 1
    return found.replace(REGISTRY, repr(config().registry.url)).replace(
        PREFIX, repr(telescope_prefix)
    )


@pytest.fixture
def tca(kafka, real_registry, set_up, transactional_db):
    """A telescope with topics, schemas, and one application that may write."""
    from accounts.models import KafkaCredential
    from pipeline import bootstrap

    name = word()
    application = {"name": "robotics", "is_required": True}
    set_up(telescopes=records(name, applications=[application]))
    kafka_admin.ensure_topics(telescope_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    for kind in KINDS:
        register_schema(kind.message, telescope(name).prefix + kind.topic_end)
    yield telescope(name)
    for principal in KafkaCredential.objects.values_list("principal", flat=True):
        kafka_admin.revoke(principal)


@pytest.fixture
def team(tca, tmp_path):
    """A folder with the wheel's environment, both programs and the login; returns what runs them."""
    python = install(build(tmp_path))
    out = StringIO()
    call_command("telescope_credential", tca.name, "robotics", stdout=out, stderr=StringIO())
    (tmp_path / "robotics.properties").write_text(out.getvalue())
    running = []

    def start(name):
        (tmp_path / name).write_text(program(name, tca.prefix))
        with (tmp_path / f"{name}.log").open("w") as log:
            words = [str(python), "-P", name]
            running.append(
                subprocess.Popen(words, cwd=tmp_path, env=of_a_stranger(), stdout=log, stderr=log)
            )
        return running[-1], tmp_path / f"{name}.log"

    yield start
    for each in running:
        each.kill()
        each.wait()


async def heard(consumer, is_enough):
    found = []
    while not is_enough(found):
        found += await consumer.poll(1000)
    return found


def end(process):
    """End a program as a person at its terminal does."""
    process.send_signal(signal.SIGINT)
    process.wait(END_S)


def sent(command_id, **changes):
    now_ms = time.time_ns() // 1_000_000
    return command(command_id=command_id, timestamp=now_ms, **changes)


def test_the_programs_of_the_page_take_commands_and_answer(tca, team):
    bus = Bus(tca.prefix)
    robotics, log = team("robotics.py")
    heartbeat, _ = team("heartbeat.py")
    short = sent("short", observation_id="one", integration_time=0.1)
    long = sent("long", observation_id="two", integration_time=3600.0)
    cancel = sent("cancel", observation_id="two", command_type="cancel_observation")
    idle = sent("idle", observation_id="three", command_type="cancel_observation")
    late = command(command_id="late", timestamp=1)

    async def story():
        async with asyncio.timeout(PATIENCE_S), bus.producer(TelescopeCommand) as control:
            await control.send_batch([(each, None) for each in (late, short, short, long)])
            async with bus.consumer(CommandAcknowledgment) as consumer:
                acks = await heard(consumer, lambda found: len(found) == 6)
                await control.send_batch([(cancel, None), (idle, None)])
                acks += await heard(consumer, lambda found: len(found) == 5)
            async with bus.consumer(TelescopeStatus) as consumer:
                statuses = await heard(consumer, bool)
        return acks, statuses

    try:
        acks, statuses = asyncio.run(story())
    except TimeoutError:
        pytest.fail(log.read_text())

    def told(command_id):
        return [(a.status, a.error_code) for a in acks if a.command_id == command_id]

    assert told("late") == [(AckStatus.REJECTED, "expired")]
    assert told("short") == [
        (AckStatus.RECEIVED, None),
        (AckStatus.STARTED, None),
        (AckStatus.COMPLETED, None),
    ]
    assert told("long") == [
        (AckStatus.RECEIVED, None),
        (AckStatus.STARTED, None),
        (AckStatus.FAILED, "cancelled"),
    ]
    assert told("cancel") == [(AckStatus.RECEIVED, None), (AckStatus.COMPLETED, None)]
    assert told("idle") == [(AckStatus.RECEIVED, None), (AckStatus.REJECTED, "nothing_to_do")]
    assert {each.source_application for each in acks} == {"robotics"}
    assert (statuses[0].component, statuses[0].source_application) == ("mount", "robotics")
    assert robotics.poll() is None
    end(robotics)
    end(heartbeat)


@pytest.mark.parametrize("name", ["robotics.py", "heartbeat.py"])
def test_every_program_of_the_page_is_run(name):
    assert TEXT.count("```python") == 2
    assert f"<!-- {name}:" in TEXT
