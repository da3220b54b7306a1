"""Notices of a real one's size, sent one by one, and the time until their steps stand."""

import base64
import string
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import hpgeom
import numpy as np
import psycopg

from broker.config import config
from broker.kafka import Producer, own_connection
from broker.kafka_types import Message
from tests.gw_notices import as_bytes, make_map, make_notice

TOPIC = "igwn.gwalert"
LEVEL = 6
"""49 152 rows: a notice of 1.6 MB, where the samples have 0.8 to 1.2."""
SPREAD_DEG = 6.0
LOOK_S = 0.002
GIVE_UP_S = 180.0
STAND = """
    SELECT count(*) FROM gw_steps JOIN gw_alerts USING (id_gw)
    WHERE gw_alerts."triggerId" = %s AND step IN ('thread', 'card')
"""


class NotTaken(Exception):
    """A notice did not become rows; the message says which."""


def sky_map() -> bytes:
    """Return a map of one round region, 90 % within about 500 deg²."""
    nside = 1 << LEVEL
    cells = np.arange(12 * nside**2)
    ra_deg, dec_deg = hpgeom.pixel_to_angle(nside, cells, nest=True)
    apart_deg = separation_deg(ra_deg, dec_deg, 120.0, 20.0)
    density = np.exp(-((apart_deg / SPREAD_DEG) ** 2) / 2)
    density /= density.sum() * np.pi / (3 * 4**LEVEL)
    return make_map(cells + 4 * 4**LEVEL, density)


def separation_deg(ra_deg: Any, dec_deg: Any, ra0_deg: float, dec0_deg: float) -> Any:
    """Return how far places are from one [deg], by the dot product of their directions."""
    ra, dec, ra0, dec0 = map(np.radians, (ra_deg, dec_deg, ra0_deg, dec0_deg))
    cosine = np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(ra - ra0)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def notices() -> Iterator[tuple[str, bytes]]:
    """Yield events and their first notices, made just now, without end."""
    encoded = base64.b64encode(sky_map()).decode()
    number = 0
    while True:
        now = datetime.now(UTC)
        name = f"S{now:%y%m%d}{_letters(number)}"
        event = {"time": (now - timedelta(minutes=2)).isoformat(), "skymap": encoded}
        classes = {"BNS": 0.0, "NSBH": 0.0, "BBH": 0.1, "Terrestrial": 0.9}  # nothing is planned
        made = make_notice(event | {"classification": classes}, superevent_id=name)
        yield name, as_bytes(made | {"time_created": now.isoformat()})
        number += 1


def take(count: int, gap_s: float, given: Iterator[tuple[str, bytes]]) -> list[float]:
    """Send so many notices, each when the one before is stored; return how long each took [s]."""
    return list(_each(lambda done: done < count, gap_s, given))


def take_while(
    goes_on: Callable[[], bool], gap_s: float, given: Iterator[tuple[str, bytes]]
) -> list[float]:
    """Send notices as long as something goes on; as :func:`take`."""
    return list(_each(lambda _: goes_on(), gap_s, given))


def _each(
    goes_on: Callable[[int], bool], gap_s: float, given: Iterator[tuple[str, bytes]]
) -> Iterator[float]:
    topic = config().gcn.topic_prefix + TOPIC
    producer = Producer(own_connection("feed"))
    done = 0
    with psycopg.connect(config().postgres.url.get_secret_value(), autocommit=True) as connection:
        while goes_on(done):
            name, raw = next(given)
            began = time.perf_counter()
            if producer.send([Message(topic, None, raw, [])]) != [None]:
                raise NotTaken(f"{name}: Kafka did not take it")
            _await(connection, name, began)
            yield time.perf_counter() - began
            done += 1
            time.sleep(gap_s)
    producer.close()


def _await(connection: Any, name: str, began: float) -> None:
    while connection.execute(STAND, (name,)).fetchone() != (2,):
        if time.perf_counter() - began > GIVE_UP_S:
            raise NotTaken(f"{name}: no steps after {GIVE_UP_S:.0f} s")
        time.sleep(LOOK_S)


def _letters(number: int) -> str:
    """Return the letters that LIGO counts a day's events with: a … z, aa, ab …"""
    found = ""
    number += 1
    while number:
        number, place = divmod(number - 1, 26)
        found = string.ascii_lowercase[place] + found
    return found
