"""F7: spoiled packets among good ones.

Every third packet is noise, cut short, flipped, shifted or swollen (``tests.drill.hostile``), made
from simulated packets and from real ones where there are samples. An honest reading decided before
what must become of each: a dead letter, or an alert where the change left the packet valid. A bad
packet has exactly one dead letter; a good neighbour has none, and is published.
"""

import io
import random
import zlib
from collections.abc import Iterable
from itertools import chain

import fastavro

from broker.config import config, project_path
from pipeline.simulate.single import make_lsst_packet, make_ztf_packet
from pipeline.surveys.lsst import package_schema
from tests import samples
from tests.drill import hostile
from tests.drill import load as loads
from tests.drill.hostile import FRAMING, Original
from tests.drill.load import Parcel
from tests.drill.record import Fault
from tests.drill.stage import Stage

SPOILED = 600
SHORT_SPOILED = 100
EVERY = 3
"""Below the breaker's half."""
RATE_PER_S = 90.0
ORIGINALS = 24
SENT_WITHIN_S = 120.0
FIRST_CANDID = 4_200_000_000_000_000_000
FIRST_DIA_SOURCE = 1 << 59
_TWICE = """
    SELECT topic, source_partition, source_offset, count(*) FROM dead_letters
    GROUP BY 1, 2, 3 HAVING count(*) > 1
"""


def run(stage: Stage) -> None:
    """Spoil simulated packets, then real ones."""
    _spoil(stage, "simulated packets spoiled", simulated())
    if stage.is_short:
        return
    if (project_path(config().testing.samples) / "README.md").exists():
        _spoil(stage, "real packets spoiled", _real())
    else:
        stage.skip("real packets spoiled", "no sample data (testing.samples)")


class _Mixed:
    """Makes good parcels, and every third one of those that were spoiled."""

    def __init__(self, spoiled: Iterable[Parcel]) -> None:
        self.waiting = list(spoiled)

    def __call__(self, number: int) -> Parcel:
        if number % EVERY == 0 and self.waiting:
            return self.waiting.pop()
        return loads.good(number)


def _spoil(stage: Stage, name: str, originals: list[Original]) -> None:
    count = SHORT_SPOILED if stage.is_short else SPOILED
    draw = random.Random(f"{name}")
    spoiled, open_verdicts = [], set()
    for _ in range(count):
        original = draw.choice(originals)
        value = hostile.spoil(draw, original)
        verdict, candid = hostile.verdict(original, value)
        spoiled.append(Parcel(original.stream, value, candid))
        if verdict == hostile.EITHER:
            open_verdicts.add(zlib.crc32(value))
    mixed = _Mixed(spoiled)
    bad_value = ("bad_value",)  # of good packets none may be: looked at below
    with stage.case(name, make=mixed, rate_per_s=RATE_PER_S, may_be=bad_value) as case:
        with case.fault():
            stage.crew.wait(lambda: not mixed.waiting, "all of it sent", SENT_WITHIN_S)
        sent = stage.load.sent()
        stage.crew.wait(
            lambda: not stage.books.accounts().missing(sent), "every verdict", SENT_WITHIN_S
        )
        wrong = _wrong(stage, open_verdicts)
        assert wrong == [], "; ".join(wrong)


def _wrong(stage: Stage, open_verdicts: set[int]) -> list[str]:
    """Return what is wrong with the letters: a bad packet has one, a good one has none."""
    found = [f"several letters of one packet: {twice}" for twice in stage.system.sql(_TWICE)]
    letters = stage.books.accounts().letters
    buried = [
        (at, one, letters[at])
        for at, one in stage.load.sent().items()
        if at in letters and one.candid is not None and one.crc32 not in open_verdicts
    ]
    return found + ([f"good packets buried: {buried[:3]}"] if buried else [])


def simulated() -> list[Original]:
    """Return small packets of both surveys, each with an id of its own."""
    ztf = (
        make_ztf_packet(candid=FIRST_CANDID + n, object_id="ZTF26hostile", has_cutouts=n % 4 == 0)
        for n in range(ORIGINALS)
    )
    lsst = (
        make_lsst_packet(diaSourceId=FIRST_DIA_SOURCE + n, has_cutouts=n % 4 == 0)
        for n in range(ORIGINALS)
    )
    return [*map(_ztf, ztf), *map(_lsst, lsst)]


def _real() -> list[Original]:
    lsst = (sample.value for sample in samples.rubin())
    ztf = (sample.value for sample in samples.ztf_originals())
    return list(chain(map(_ztf, ztf), map(_lsst, lsst)))


def _ztf(value: bytes) -> Original:
    return Original("ztf", value, fastavro.reader(io.BytesIO(value)).writer_schema)


def _lsst(value: bytes) -> Original:
    _, schema_id = FRAMING.unpack_from(value)
    return Original("lsst", value, package_schema(schema_id))


FAULT = Fault("F7", "spoiled packets among good ones", run, is_short=True)
