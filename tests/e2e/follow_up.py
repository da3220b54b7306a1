"""GW follow-up as it runs: our processes between Kafka, a WebDAV server and a stand-in for Slack."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.config import config
from broker.kafka_admin import ensure_topics
from broker.kafka_types import Message
from pipeline.bootstrap import notice_topics
from pipeline.simulate.slack.server import StandIn
from tests.conftest import TOPIC_PREFIX
from tests.e2e.site import start_worker
from tests.e2e.system import System
from tests.e2e.upkeep import start_upkeep, use_own_redis
from tests.redis_databases import RedisDatabase
from tests.slack import serving, settings
from tests.standins.webdav_server import PASSWORD, USER, WebDavServer, webdav_server

QUEUES = {"gw": 1, "notify": 1, "sinks": 1, "plans": 2}
"""Each with its number of processes."""
ENDED_WITHIN_S = 1200.0
OPEN = "state IN ('wanted', 'running') AND step NOT IN ('no_doubles', 'cleanup')"
"""The two wait for minutes."""
YEARS_H = "1000000"
"""The samples are years old; they are told and planned as if they had just come."""


@dataclass(frozen=True)
class FollowUp:
    """The running processes, and what stands around them."""

    system: System
    slack: StandIn
    cloud: WebDavServer

    def send(self, sent: Iterable[tuple[str, bytes]]) -> None:
        """Put notices on GCN's topics, in order."""
        prefix = config().gcn.topic_prefix
        self.system.send(Message(prefix + topic, None, raw, []) for topic, raw in sent)

    def wait_for(self, is_there: Callable[[], object], what: str) -> None:
        """Wait until something is there."""
        give_up_at = time.monotonic() + ENDED_WITHIN_S
        while not is_there():
            assert time.monotonic() < give_up_at, f"{what}: {self._why()}"
            time.sleep(0.5)

    def wait_for_steps(self) -> None:
        """Wait until no step is left to do."""
        counted = f"SELECT count(*) FROM gw_steps WHERE {OPEN}"
        self.wait_for(lambda: self.system.sql(counted) == [(0,)], "steps")

    def rows(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask the database."""
        return self.system.sql(statement, *parameters)

    def _why(self) -> str:
        waiting = self.rows(f"SELECT step, key, state, last_error FROM gw_steps WHERE {OPEN}")
        return f"{waiting}\n{self.system.tails()}"


@contextmanager
def running(system: System, folder: Path, groups: Any) -> Iterator[FollowUp]:
    """Run follow-up on a system.

    Parameters
    ----------
    system : System
        Without processes so far.
    folder : Path
        For the servers' files.
    groups : list of dict
        Setting ``gw.plan_groups``.
    """
    (folder / "dav").mkdir()
    with (
        serving(folder / "slack") as slack,
        webdav_server(folder / "dav") as cloud,
        own_topics(system),
    ):
        use_own_redis(
            system,
            RedisDatabase.FOLLOW_UP,
            **settings(slack),
            **_owncloud(cloud),
            NIGHTJAR_HOME=str(folder),
            NIGHTJAR_GW__MAX_NOTICE_AGE_H=YEARS_H,
            NIGHTJAR_GW__PLAN_GROUPS=json.dumps(groups),
            NIGHTJAR_SWIFT__URL="",  # its pages come minutes later: tests/integration/gw/test_grb_t90
        )
        system.start_listeners("igwn", "voevent")
        for queue, processes in QUEUES.items():
            start_worker(system, queue, processes)
        start_upkeep(system)
        yield FollowUp(system, slack, cloud)
        system.stop_all()


@contextmanager
def own_topics(system: System) -> Iterator[None]:
    """Give a system GCN's topics under names of its own; settings point at them meanwhile."""
    gcn = {
        "NIGHTJAR_GCN__TOPIC_PREFIX": f"{TOPIC_PREFIX}{system.name}.",
        "NIGHTJAR_GCN__GROUP_ID": f"nightjar-{system.name}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in gcn.items():
            patch.setenv(name, value)
        config.cache_clear()
        ensure_topics(notice_topics(config()))
        system.environment = {**system.environment, **gcn}
        yield
    config.cache_clear()


def _owncloud(cloud: WebDavServer) -> dict[str, str]:
    return {
        "NIGHTJAR_OWNCLOUD__URL": cloud.settings().url,
        "NIGHTJAR_OWNCLOUD__USER": USER,
        "NIGHTJAR_OWNCLOUD__PASSWORD": PASSWORD,
    }
