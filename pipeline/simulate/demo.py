"""The demo's night: catalogs that fit it, a feed into Kafka, and a live table of what happens."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text
from sqlalchemy import text

from broker.db import transaction
from broker.errors import TransientError
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from pipeline.alerts import ledger
from pipeline.simulate import folder
from pipeline.simulate.catalogs import Columns, write_catalog
from pipeline.simulate.night import Sky, sky
from pipeline.topics import STREAMS

BATCH_PACKETS = 20
BATCH_PAUSE_S = 0.15
"""Between batches: as a telescope would send them, so that pairs of two surveys come in turn."""
TRICKLE_PER_S = 2.0
BRISK = 600
"""Packets that trickle so; then a stream must only live, for hours, without filling the disk."""
SLOW_S = 10.0
"""Between two packets from then on."""
REFUSED_S = 1.0
"""Before messages that Kafka did not take are sent again."""
NIGHTS = 8
CATALOGUED = 2
"""Skies whose catalogs are loaded: the first is played at full speed, the second trickles."""
MOST_SKIES = 20
"""The others trickle behind it, for two days; a bound for the disk: 2 GB with all that follows."""
_LATENCY = text("""
    SELECT s.stream,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY a.published_at - a.kafka_timestamp) AS p50,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY a.published_at - a.kafka_timestamp) AS p95
    FROM alerts AS a JOIN sources AS s ON s.id = a.source_id
    WHERE a.published_at > now() - interval '60 s'
    GROUP BY 1
""")
_LAG = text("""
    SELECT stream, sum(high_offset - coalesce(committed_offset, 0))::bigint AS lag
    FROM stream_partitions GROUP BY 1
""")


@dataclass(frozen=True)
class Program:
    """What the demo plays: a night at full speed, and what trickles in afterwards."""

    catalogs: dict[str, list[Columns]]
    topics: set[str]
    first: list[Message]
    later: Iterable[Message]


def simulated(seed: int, ztf: int, lsst: int, lsst_topic: str) -> Program:
    """Return a program of simulated packets, a week of them ending tonight."""
    start = (datetime.now(UTC) - timedelta(days=NIGHTS)).date()

    def made(offset: int) -> Sky:
        return sky(
            seed + offset,
            ztf=ztf,
            lsst=lsst,
            nights=NIGHTS,
            start=start,
            bad=0.01,
            duplicates=0.01,
            lsst_topic=lsst_topic,
        )

    skies = [made(offset) for offset in range(CATALOGUED)]
    others = (made(offset) for offset in range(CATALOGUED, MOST_SKIES))  # each when its time comes
    catalogs: dict[str, list[Columns]] = {}
    for one in skies:
        for name, columns in one.catalogs().items():
            catalogs.setdefault(name, []).append(columns)
    # Of all skies, now: Kafka makes no topic by itself, and the listeners read what is there.
    topics = {topic for offset in range(MOST_SKIES) for topic in made(offset).topics()}
    later = chain.from_iterable(map(_messages, chain(skies[1:], others)))
    return Program(catalogs, topics, list(_messages(skies[0])), later)


def real(packets: Path, seed: int, lsst_topic: str) -> Program:
    """Return a program of the real packets in a folder; the point-source catalog is synthetic."""
    found = list(folder.packets(packets))
    catalogs = sky(seed, ztf=10, lsst=10, lsst_topic=lsst_topic).catalogs()
    return Program(
        {name: [columns] for name, columns in catalogs.items()},
        {packet.topic for packet in found},
        [Message(packet.topic, packet.key, packet.value, []) for packet in found],
        (),
    )


def write_catalogs(catalogs: dict[str, list[Columns]], target: Path) -> dict[str, Path]:
    """Write each catalog as Parquet for ``load_catalog``; return the files by name."""
    target.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, parts in catalogs.items():
        files[name] = target / f"{name}.parquet"
        write_catalog(
            {column: np.concatenate([part[column] for part in parts]) for column in parts[0]},
            files[name],
        )
    return files


@dataclass
class Feed:
    """Sends the program in a thread of its own: the first part briskly, the rest as a trickle.

    A broker that is away is waited for; what was not acknowledged is sent again.
    """

    program: Program
    sent: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to send."""
        threading.Thread(target=self._run, name="demo-feed", daemon=True).start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def _run(self) -> None:
        producer = Producer(own_connection("feed"))
        for at in range(0, len(self.program.first), BATCH_PACKETS):
            self._send(producer, self.program.first[at : at + BATCH_PACKETS])
            if self._stop.wait(BATCH_PAUSE_S):
                return
        for at, message in enumerate(self.program.later):
            if self._stop.wait(1 / TRICKLE_PER_S if at < BRISK else SLOW_S):
                return
            self._send(producer, [message])

    def _send(self, producer: Producer, messages: Sequence[Message]) -> None:
        waiting = list(messages)
        while waiting and not self._stop.is_set():
            try:
                outcomes = producer.send(waiting)
            except TransientError:
                self._stop.wait(REFUSED_S)
                continue
            refused = [m for m, error in zip(waiting, outcomes, strict=True) if error is not None]
            self.sent += len(waiting) - len(refused)
            waiting = refused
            if refused:  # a broker may refuse at once
                self._stop.wait(REFUSED_S)


@dataclass(frozen=True)
class Figures:
    """One look at the system; its books are of alerts alone.

    Of other streams books know dead letters, and nothing of what became of the rest.
    """

    at_s: float
    books: ledger.Ledger
    latency_ms: dict[str, tuple[float, float]]
    lag: dict[str, int]

    @property
    def received(self) -> int:
        """Return how many alert packets are accounted for."""
        return self.books.received

    @property
    def is_settled(self) -> bool:
        """Return whether nothing is on its way."""
        return self.books.is_balanced and not self.books.waiting and not any(self.lag.values())


def look() -> Figures:
    """Read the figures that the live table shows."""
    with transaction() as session:
        books = _of_alerts(ledger.read(session))
        latency = {
            row.stream: (row.p50.total_seconds() * 1e3, row.p95.total_seconds() * 1e3)
            for row in session.execute(_LATENCY)
        }
        lag = {row.stream: row.lag or 0 for row in session.execute(_LAG)}
    return Figures(time.monotonic(), books, latency, lag)


def _of_alerts(books: ledger.Ledger) -> ledger.Ledger:
    names = {each.name for each in STREAMS}
    return replace(books, nights=[night for night in books.nights if night.stream in names])


STREAM_COLUMNS = (
    *("stream", "received", "alerts\n/s", "pub-\nlished", "gated", "dupli-\ncates"),
    *("dead\nletters", "wait-\ning", "with-\nheld", "lag", "p50\nms", "p95\nms"),
)
"""Twelve, in a window of 80 characters."""


def render(before: Figures, now: Figures, sent: int, footer: str) -> Group:
    """Return the live table: streams with rate and latency, topics with their messages."""
    elapsed_s = max(now.at_s - before.at_s, 1e-3)
    streams = Table(title="Streams", title_justify="left", box=None, padding=(0, 1, 0, 0))
    for name in STREAM_COLUMNS:
        streams.add_column(name, justify="left" if name == "stream" else "right", no_wrap=True)
    earlier = ledger.by_stream(before.books)
    for stream, counts in ledger.by_stream(now.books).items():
        fresh = counts["received"] - earlier.get(stream, {"received": 0})["received"]
        p50, p95 = now.latency_ms.get(stream, (float("nan"), float("nan")))
        streams.add_row(
            stream,
            str(counts["received"]),
            f"{fresh / elapsed_s:.0f}",
            *(str(count) for outcome, count in counts.items() if outcome != "received"),
            str(now.lag.get(stream, 0)),
            *(f"{value:.0f}" if value == value else "–" for value in (p50, p95)),  # noqa: PLR0124 NaN
        )
    topics = Table(title="Topics", title_justify="left", box=None, padding=(0, 1, 0, 0))
    topics.add_column("topic")
    topics.add_column("messages", justify="right")
    for topic, count in sorted(ledger.by_topic(now.books).items()):
        topics.add_row(topic, str(count))
    # What a low window cuts off are topics.
    return Group(Text(f"{sent} packets sent"), Text(footer), streams, topics)


def _messages(one: Sky) -> Iterator[Message]:
    for packet in one.packets():
        yield Message(packet.topic, packet.key, packet.value, [])
