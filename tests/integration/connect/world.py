"""A real Kafka Connect worker beside the other parts, and what it did."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition
from django.core.management import call_command
from psycopg.rows import namedtuple_row

from broker.config import ROOT
from broker.kafka import own_connection
from pipeline.telescope.connector import NAME
from pipeline.telescope.record import Telescope
from tests import native
from tests.environment import of_a_stranger
from tests.integration.telescope_data.test_data_table import BY_HAND

PATIENCE_S = 90.0
SCRIPT = ROOT / "compose" / "connect" / "deploy-connector.sh"


@dataclass
class Sink:
    """Kafka Connect with the connector of the settings in force."""

    parts: native.Parts
    folder: Path
    telescopes: list[Telescope]

    @property
    def url(self) -> str:
        """Of the worker's REST interface."""
        (port,) = self.parts.native.states()["connect"]["record"]["ports"]
        return f"http://127.0.0.1:{port}"

    def deploy(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Deploy the connector as an operator does."""
        out = StringIO()
        call_command("connector_config", stdout=out)
        file = self.folder / "sink.json"
        file.write_text(out.getvalue())
        return subprocess.run(
            [str(SCRIPT), *(words or (str(file),))],
            env=of_a_stranger(CONNECT_URL=self.url, CONNECT_WAIT_S="90"),
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def ask(self, method: str, path: str, sent: Any = None) -> Any:
        """Make a call of the REST interface, below the connector."""
        body = None if sent is None else json.dumps(sent).encode()
        request = urllib.request.Request(
            f"{self.url}/connectors/{NAME}{path}",
            body,
            {"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as reply:
            body = reply.read()
        return json.loads(body) if body else None

    def remove(self) -> None:
        """Take the connector away if it is there."""
        try:
            self.ask("DELETE", "")
        except urllib.error.HTTPError as error:
            assert error.code == HTTPStatus.NOT_FOUND  # noqa: PT017 another is another's fault

    def states(self) -> list[str]:
        """Return the states of the connector and its tasks."""
        found = self.ask("GET", "/status")
        return [found["connector"]["state"], *(each["state"] for each in found["tasks"])]

    def replay(self) -> None:
        """Let the connector read its topics from their beginning."""
        self._stop()
        self.ask("DELETE", "/offsets")
        self.ask("PUT", "/resume")

    def pass_over(self, topic: str, offset: int) -> None:
        """Let the connector go on behind a message."""
        self._stop()
        place = {"kafka_topic": topic, "kafka_partition": 0}
        found = {"partition": place, "offset": {"kafka_offset": offset + 1}}
        self.ask("PATCH", "/offsets", {"offsets": [found]})
        self.ask("PUT", "/resume")

    def _stop(self) -> None:
        self.ask("PUT", "/stop")
        self.wait(lambda: self.states() == ["STOPPED"], "the stop")

    def wait(self, is_so: Callable[[], Any], what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_so():
            log = self.parts.native.home.logs / "connect-worker.log"
            said = log.read_text()[-6000:] if log.exists() else ""
            assert time.monotonic() < give_up_at, f"{what} never came\n{said}"
            time.sleep(0.3)

    def wait_until_read(self) -> None:
        """Wait until the connector has committed the end of every topic."""
        self.wait(lambda: all(self._is_read(each) for each in self.telescopes), "the last commit")

    def _is_read(self, telescope: Telescope) -> bool:
        consumer = Consumer(own_connection("admin") | {"group.id": f"connect-{NAME}"})
        try:
            place = TopicPartition(telescope.data, 0)
            _, high = consumer.get_watermark_offsets(place, 10)
            (found,) = consumer.committed([place], 10)
            return bool(found.offset == high)
        finally:
            consumer.close()


def anew(url: str) -> None:
    """Make the table as the field's own SQL makes it."""
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS telescope_data_raw")
        connection.execute(BY_HAND)


def rows(url: str) -> dict[str, Any]:
    """Return every row that came from Kafka, by its id."""
    with psycopg.connect(url, row_factory=namedtuple_row) as connection:
        found = connection.execute("SELECT * FROM telescope_data_raw WHERE data_id <> 'old'")
        return {row.data_id: row for row in found}


def run(url: str, statement: str) -> None:
    """Run a statement."""
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def secrets(parts: native.Parts) -> list[str]:
    """Return every password of this home."""
    text = (parts.native.home.path / "secrets.env").read_text()
    return [line.partition("=")[2] for line in text.splitlines() if line]
