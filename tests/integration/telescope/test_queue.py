"""The sender's own queue: nothing that stands before another one delays a command."""

import time

import celery
import pytest
from redis import Redis
from sqlalchemy import select

from broker.config import config
from broker.db import transaction
from broker.queues import QUEUES
from broker.redis_transport import TRANSPORT, TRANSPORT_OPTIONS, waiting
from compose.native.ours import processes
from pipeline.telescope.tables import TelescopeCommand
from tests.e2e.system import running
from tests.integration.telescope.conftest import asked
from tests.redis_databases import RedisDatabase

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

PATIENCE_S = 120
BEFORE_IT = 50
"""Tasks that wait in each queue of others, which nobody serves."""
OTHERS = [queue.name for queue in QUEUES if queue.name != "commands"]


@pytest.fixture
def mine(two, small_registry, database, bells, kafka, tmp_path, set_up):
    """A telescope on a Redis that only this test rings at, with the queues of others full."""
    url = RedisDatabase.QUEUE_OF_COMMANDS.url(kafka.redis_url)
    with Redis.from_url(url) as redis:
        redis.flushdb()
    # The worker starts after the command was asked for, which shall not expire meanwhile.
    set_up(
        archive__path=tmp_path / "archive", redis__url=url, telescope__receive_within_s=PATIENCE_S
    )
    for queue in OTHERS:
        for _ in range(BEFORE_IT):
            ring("test.that_nobody_does", queue)
    return two[0]


def ring(task: str, queue: str, *arguments: str) -> None:
    """Put a task into a queue of this test's Redis."""
    url = config().redis.url.get_secret_value()
    with celery.Celery(broker=url, set_as_current=False) as bell:
        bell.conf.update(broker_transport=TRANSPORT, broker_transport_options=TRANSPORT_OPTIONS)
        bell.send_task(task, args=arguments, queue=queue, ignore_result=True)


def test_a_command_is_sent_while_every_other_queue_stands_still(mine, bells, tmp_path):
    command_id = asked(mine.name)
    assert bells == [("telescope.send", "commands", mine.name)]
    [worker] = [each for each in processes(config()) if each.name == "worker-commands"]
    logs = tmp_path / "logs"
    logs.mkdir()

    with running({}, logs) as system:
        ring(*bells[0])
        system.start(worker.name, *worker.argv[1:], **worker.environment)
        give_up_at = time.monotonic() + PATIENCE_S
        while state(command_id) != "sent":
            assert time.monotonic() < give_up_at, system.tails()
            time.sleep(0.1)

    with Redis.from_url(config().redis.url.get_secret_value()) as redis:
        assert waiting(redis, OTHERS) == dict.fromkeys(OTHERS, BEFORE_IT)


def state(command_id: str) -> str:
    """Return what became of a command so far."""
    with transaction() as session:
        statement = select(TelescopeCommand.state)
        return session.scalars(statement.where(TelescopeCommand.command_id == command_id)).one()
