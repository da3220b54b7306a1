"""A night of selected alerts that was over before the demo began: a closed table, with Parquet."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

import numpy as np
from sqlalchemy import select

from broker.config import Config
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from pipeline.alerts.selected_messages import container
from pipeline.lasair.fetch import unix_s_to_jd_utc
from pipeline.selected.collect import CollectError, collect
from pipeline.selected.sources import DEFAULT, output_root, settings_of
from pipeline.selected.tables import OutputFile
from pipeline.simulate import single
from pipeline.simulate.ids import Ids
from pipeline.surveys import lsst

ALERTS = 12
BEGAN = time(21, 0, 0, tzinfo=UTC)
VISITS_EVERY = timedelta(seconds=34)


def play(settings: Config, seed: int) -> str:
    """Let the consumer write the night before; return what came of it.

    Its alerts are sent to the filter's own topic and collected with a clock that shows that night;
    whoever closes nights then finds it over. Nothing is sent where an earlier night is on disk
    already, where the filter does not run, or to a broker of others.
    """
    where = settings_of(DEFAULT)
    if where.bootstrap_servers or not settings.selected.extendedness.enabled:
        return "the filter's topic is not ours: none"
    now = datetime.now(UTC)
    if _has_earlier(now):
        return "on disk from an earlier demo"
    evening = datetime.combine(now.date() - timedelta(days=1), BEGAN)
    try:
        _send(where.topic, [container(*lsst.split(one)) for one in packets(seed, evening)])
        found = collect(DEFAULT, clock=lambda: evening)
    except (CollectError, TransientError) as error:
        return f"none: {error}"
    return f"{found.counts.written} alerts of {evening:%Y-%m-%d}, in {found.took_s:.1f} s"


def packets(seed: int, evening: datetime) -> Iterator[bytes]:
    """Yield packets of asteroids, as Rubin sends them, that the filter selects."""
    random, ids = np.random.default_rng(seed), Ids(seed, evening.year)
    for number in range(ALERTS):
        yield single.make_lsst_packet(
            jd=unix_s_to_jd_utc((evening + number * VISITS_EVERY).timestamp()),
            designation=ids.designation(number),
            ra=single.RA_DEG + random.uniform(-1, 1),
            dec=random.uniform(-10, 10),
            extendedness=random.uniform(0, 0.4),
            snr=random.uniform(6, 60),
        )


def _has_earlier(now: datetime) -> bool:
    earlier = select(OutputFile.id).where(
        OutputFile.root == str(output_root()),
        OutputFile.kind == "csv",
        OutputFile.night < now.date(),
    )
    with transaction() as session:
        return session.scalar(earlier.limit(1)) is not None


def _send(topic: str, values: list[bytes]) -> None:
    producer = Producer(own_connection())
    try:
        errors = [
            one for one in producer.send([Message(topic, None, v, []) for v in values]) if one
        ]
    finally:
        producer.close()
    if errors:
        raise TransientError(f"{len(errors)} messages did not reach {topic}: {errors[0].text}")
