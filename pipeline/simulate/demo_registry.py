"""The demo's proof that anybody's Confluent client reads selected alerts with our registry."""

import base64
import subprocess
import sys
from dataclasses import dataclass

from broker.config import ROOT, Config
from broker.errors import TransientError
from broker.kafka import Cluster, OffsetsExpired, own_connection
from broker.kafka_tail import read_last
from pipeline.filters import running

READER = ("-P", "compose/native/deserialize.py")
"""Imports the client and nothing of ours, and looks for modules nowhere beside itself."""
NEWEST = 5
"""Messages of each partition that it is given."""
READ_LIMIT_S = 60


@dataclass(frozen=True)
class Look:
    """What the client made of the newest selected alerts.

    Attributes
    ----------
    url : str
        Of the registry; empty: alerts leave as containers, there is nothing to prove.
    sent : int
        Messages that it was given; 0: there is none yet.
    ids : tuple of str
        Alerts that it read.
    error : str
        Its last words, or why there was nothing to give it.
    """

    url: str
    sent: int = 0
    ids: tuple[str, ...] = ()
    error: str = ""

    @property
    def is_settled(self) -> bool:
        """Tell whether everything that there is could be read."""
        return not self.error and self.sent == len(self.ids)

    def __str__(self) -> str:
        if not self.url:
            return "Schema registry: none; make demo REGISTRY=1 shows selected alerts with its ids"
        if self.error:
            return f"Schema registry: not read yet: {self.error}"
        if not self.sent:
            return f"Schema registry at {self.url}: no selected alert yet"
        return (
            f"Schema registry: the Confluent client's AvroDeserializer read {len(self.ids)} of"
            f" {self.sent} selected alerts with schemas of {self.url}, as {self.ids[-1]}"
        )


def look(settings: Config, before: Look | None = None) -> Look:
    """Let the client read the newest selected alerts; what it has read once is not read again."""
    if before is not None and before.sent and before.is_settled:
        return before
    if settings.selected.wire != "confluent":
        return Look("")
    url = settings.registry.url
    try:
        values = _newest(settings)
        return _read(url, values) if values else Look(url)
    except (OffsetsExpired, TransientError) as error:
        return Look(url, error=str(error))
    except subprocess.TimeoutExpired:
        return Look(url, error=f"the client read nothing in {READ_LIMIT_S} s")


def _newest(settings: Config) -> list[bytes]:
    """Return the newest messages in Confluent framing; an earlier demo may have left containers."""
    topics = [each.topic(settings.selected) for each in running(settings.selected)]
    cluster = Cluster(own_connection())
    found = cluster.watermarks(cluster.partitions(topics))
    packets = [
        packet
        for (topic, partition), marks in found.items()
        if marks.low < marks.high
        for packet in read_last(topic, partition, marks.high - 1, NEWEST, marks.low)
    ]
    return [packet.value for packet in packets if packet.value.startswith(b"\0")]


def _read(url: str, values: list[bytes]) -> Look:
    done = subprocess.run(  # noqa: S603 a program of ours
        (sys.executable, *READER, url),
        cwd=ROOT,
        input="".join(f"{base64.b64encode(value).decode()}\n" for value in values),
        capture_output=True,
        text=True,
        timeout=READ_LIMIT_S,
        check=False,
    )
    said = done.stderr.strip().splitlines()
    return Look(url, len(values), tuple(done.stdout.split()), said[-1] if done.returncode else "")
