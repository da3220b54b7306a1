"""A console with telescopes: the site's web server and its sender; what telescopes say is written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import make_password
from nightjar_telescope import StatusLevel
from nightjar_telescope.messages import Message
from playwright.sync_api import Page
from sqlalchemy import insert

from broker import kafka_admin
from broker.config import config
from broker.db import transaction
from broker.sections.telescope import BEAM
from pipeline import bootstrap
from pipeline.telescope.codec import codec
from pipeline.telescope.data_tables import TelescopeDataRaw
from pipeline.telescope.reception import TelescopeReception
from pipeline.telescope.record import telescope
from pipeline.telescope.topics import telescope_topics
from tests import native
from tests.e2e import site as sites
from tests.e2e.system import System
from tests.e2e.upkeep import use_own_redis
from tests.integration.telescope.conftest import Field, told
from tests.redis_databases import RedisDatabase
from tests.standins.schema_registry import registering

PASSWORD = "look-at-the-sky-tonight"
STAFF = """
INSERT INTO auth_user (username, password, first_name, last_name, email,
                       is_staff, is_active, is_superuser, date_joined)
VALUES ('owl', %s, '', '', '', true, true, true, now())"""
RECORD = BEAM.model_dump() | {
    "applications": [
        {"name": "robotics", "is_required": True},
        {"name": "handler", "writes_data": True},
    ]
}
OPTICAL = {
    "title": "TCA", "topic_prefix": "", "kind": "optical", "frequencies_mhz": [],
    "observation_types": ["imaging"], "applications": [{"name": "robotics"}],
}  # fmt: skip
LONG_S = "3600"
"""No test is so slow that something becomes late or stale by itself."""


@dataclass(frozen=True)
class Console:
    """A running console.

    Attributes
    ----------
    url : str
        Of the site.
    names : mapping
        Of its telescopes: ``beam`` is well, ``old`` was heard long ago, ``tca`` never.
    """

    url: str
    names: dict[str, str]
    system: System
    field: Field
    reception: TelescopeReception

    def say(self, which: str, *messages: Message, at: datetime | None = None) -> None:
        """Let a telescope write messages of one kind; our listener takes them."""
        one = telescope(self.names[which])
        is_status = type(messages[0]).__name__ == "TelescopeStatus"
        topic = one.status if is_status else one.acknowledgments
        self.reception.take(self.field.batch(topic, messages, at))

    def observe(self, observation_id: str, numbers: list[int]) -> None:
        """Store pieces of data of an observation."""
        now_ms = round(datetime.now(UTC).timestamp() * 1000)
        rows = [
            {
                "data_id": f"{observation_id}-{number:06d}",
                "observation_id": observation_id,
                "sequence_number": number,
                "timestamp": now_ms + number,
                "data": b"spectrum" * 100,
            }
            for number in numbers
        ]
        with transaction() as session:
            session.execute(insert(TelescopeDataRaw), rows)

    def address(self, which: str = "") -> str:
        """Return the page of a telescope, or of all."""
        return f"{self.url}/telescopes" + (f"/{self.names[which]}" if which else "")

    def sign_in(self, page: Page) -> None:
        """Come in as staff; the page of telescopes follows."""
        page.goto(self.address(), wait_until="networkidle")
        page.fill("#id_username", "owl")
        page.fill("#id_password", PASSWORD)
        page.click("[type=submit]")
        page.wait_for_url(self.address())


def fill(page: Page, **changes: str) -> None:
    """Fill the form of a command."""
    values = {
        "target_name": "M31", "observation_object": "galaxy", "ra": "10.68", "dec": "41.27",
        "integration_time": "60", "output_filename": "m31.fits",
    }  # fmt: skip
    for name, value in (values | changes).items():
        page.fill(f"[name={name}]", value)


def shown(page: Page) -> str:
    """Return the id of the command whose page this is."""
    return urlsplit(page.url).path.rpartition("/")[2]


def send(page: Page, label: str = "Send") -> str:
    """Send the form; return the id of the command whose page follows."""
    page.get_by_role("button", name=label, exact=True).click()
    page.wait_for_url("**/telescopes/commands/cmd-*")
    return shown(page)


@contextmanager
def running(system: System, word: str) -> Iterator[Console]:
    """Run the console on a system, with telescopes whose topics are its own."""
    url = f"http://localhost:{sites.free_port()}"
    names = {which: f"{word}{which}" for which in ("beam", "old", "tca")}
    records = {
        names["beam"]: RECORD | {"topic_prefix": ""},
        names["old"]: RECORD | {"topic_prefix": "", "title": "Old dish"},
        names["tca"]: RECORD | OPTICAL,
    }
    with registering() as registry, pytest.MonkeyPatch.context() as patch:
        given = {
            "NIGHTJAR_WEB__PORT": url.rpartition(":")[2],
            "NIGHTJAR_WEB__PUBLIC_URL": url,
            "NIGHTJAR_TELESCOPES": json.dumps(records),
            "NIGHTJAR_REGISTRY__URL": registry.url,
            "NIGHTJAR_TELESCOPE__RECEIVE_WITHIN_S": LONG_S,
            "NIGHTJAR_TELESCOPE__SLOW_AFTER_S": LONG_S,
            "NIGHTJAR_TELESCOPE__CANCEL_WITHIN_S": LONG_S,
            "NIGHTJAR_TELESCOPE__STALE_AFTER_S": LONG_S,
        }
        for name, value in given.items():
            patch.setenv(name, value)
        config.cache_clear()
        codec.cache_clear()
        native.patiently(lambda: kafka_admin.ensure_topics(telescope_topics(config())))
        native.patiently(lambda: kafka_admin.ensure_acls(bootstrap.service_acls(config())))
        use_own_redis(system, RedisDatabase.CONSOLE, **given)
        system.sql(STAFF, make_password(PASSWORD))
        sites.start_worker(system, "commands", 1)
        sites.start_web(system, url)
        reception = TelescopeReception(lambda topic: f"id of {topic}", codec())
        console = Console(url, names, system, Field(registry.url), reception)
        _tell(console)
        yield console
        reception.close()
    config.cache_clear()
    codec.cache_clear()


def _tell(console: Console) -> None:
    """Let the telescopes say how they are."""
    facts: dict[str, Any] = {"cpu_usage_percent": 12.5, "memory_usage_percent": 40.25}
    beam = [
        told(disk_usage_percent=81.0, **facts),
        told(component="receiver", level=StatusLevel.CRITICAL, message="cooling failed"),
        told(source_application="handler", component="", message="idle", **facts),
    ]
    console.say("beam", *beam)
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    console.say("old", told(), told(source_application="handler"), at=long_ago)
