"""Whatever comes on a topic that is read in batches: each message is counted once, for one thing."""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import bson
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from broker.config import config
from broker.dead_letters import DeadLetter
from broker.kafka_messages import Received
from broker.sections.selected import SourceSettings
from pipeline.clients.antares import LocusAlert
from pipeline.lasair.tables import LasairAlert
from pipeline.selected import messages
from pipeline.selected.antares import AntaresReader
from pipeline.selected.others import OthersReader
from pipeline.selected.tables import SelectedAlert
from tests import lasair
from tests.integration.selected import test_antares, world
from tests.integration.selected.test_others import framed
from tests.integration.selected.test_reception import babamul
from tests.standins.schema_registry import schema_registry
from tests.unit.pipeline.selected.test_antares_messages import locus, value

pytestmark = pytest.mark.integration

FOREIGN = (
    b"",
    b"no message",
    b"<html><body>502 Bad Gateway</body></html>",
    b"{}",
    b"[1, 2",
    b'{"a": NaN}',
    b"[" * 5000,
    bytes(64),
    bytes(range(256)),
    b"\x00\x00\x00\x03\xe8" + bytes(200),
    b"Obj\x01" + bytes(100),
    b"Obj\x01" + b"\xff" * 100,
    zlib.compress(b"no BSON"),
    zlib.compress(bson.encode({"data": {"id": 7}})),
    bytes(8 * 2**20 + 1),
)
"""Garbage to every kind of topic."""
NEVER = 2**62
"""Of Kafka's times [ms]: a sender writes what it likes."""


class Client:
    """ANTARES, with one alert for each locus."""

    def alerts(self, locus_id: str) -> list[LocusAlert]:
        number = locus_id.removeprefix("ANT")
        is_known = number.isdecimal()
        return [LocusAlert("lsst:1", 61220.2, _properties(int(number)))] if is_known else []


def _properties(number: int) -> dict[str, Any]:
    fields = test_antares.source(number, extendedness=0.5)
    return {f"lsst_diaSource_{name}": each for name, each in fields.items()}


class Kind(NamedTuple):
    """One kind of topic."""

    stream: str
    good: Callable[[int], bytes]
    odd: tuple[bytes, ...]
    """Of its own kind, and unusable."""
    make: Callable[[], Any]
    table: type


def selected(source: str, **given: Any) -> Any:
    return world.Consumer(source=source, **given).reception


def others() -> Any:
    place = {"name": "elsewhere", "topic": "t", "bootstrap_servers": "broker.invalid:9092"}
    return selected("elsewhere", read=OthersReader(SourceSettings(**place)).read)


def of_antares(number: int) -> bytes:
    return value(locus(id=f"ANT{number}"))


def of_lasair(number: int) -> bytes:
    return lasair.alert(f"ZTF18aaaaaa{chr(ord('a') + number)}")


KINDS = {
    "container": Kind(
        "selected",
        world.packet,
        (world.packet(8)[:-40], babamul(0)),
        lambda: selected("selected"),
        SelectedAlert,
    ),
    "confluent": Kind(
        "elsewhere",
        framed,
        (framed(8)[:-40], framed(8, named=9999), framed(8, named=1100), framed(8) + b"x"),
        others,
        SelectedAlert,
    ),
    "Babamul": Kind(
        "babamul",
        babamul,
        (babamul(-1), babamul(8)[:-20]),
        lambda: selected("babamul"),
        SelectedAlert,
    ),
    "ANTARES": Kind(
        "antares",
        of_antares,
        (value(locus(id="")), value(locus(properties=[])), of_antares(8)[:-5], value(locus())),
        lambda: selected("antares", read=AntaresReader(Client()).read),
        SelectedAlert,
    ),
    "Lasair": Kind(
        "lasair",
        of_lasair,
        (
            json.dumps({"objectId": "../../etc"}).encode(),
            json.dumps({"objectId": 1.5}).encode(),
            of_lasair(8)[:-3],
        ),
        lasair.reception,
        LasairAlert,
    ),
}


@pytest.fixture(params=KINDS)
def kind(
    request: pytest.FixtureRequest,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Kind]:
    given = {
        "OUTPUT__ROOT": tmp_path / "output",
        "OUTPUT__HOST": "here",
        "ARCHIVE__PATH": tmp_path / "archive",
        "COLLECT__RECHECK": "false",
        "LASAIR__CUTOUTS": "false",
    }
    with monkeypatch.context() as patch:
        for name, each in given.items():
            patch.setenv(f"NIGHTJAR_{name}", str(each))
        with schema_registry({}) as registry:
            patch.setenv("NIGHTJAR_REGISTRY__URL", registry.url)
            config.cache_clear()
            messages._our_schemas.cache_clear()
            yield KINDS[request.param]
    config.cache_clear()
    messages._our_schemas.cache_clear()


def mixed(kind: Kind) -> tuple[list[Received], list[int]]:
    """Return good messages with garbage between them, and the offsets of the garbage."""
    values = [kind.good(1)]
    for bad in (*FOREIGN, *kind.odd):
        values += [bad, kind.good(2)]
    *others, early, late = received(kind, *values, kind.good(3), b"", b"")
    odd = [*range(1, len(values), 2), early.offset, late.offset]
    return [*others, early._replace(timestamp_ms=-1), late._replace(timestamp_ms=NEVER)], odd


def received(kind: Kind, *values: bytes) -> list[Received]:
    return (lasair.batch if kind.stream == "lasair" else world.received)(*values)


def rows(session: Session, table: type) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_every_message_is_a_row_a_letter_or_a_duplicate(kind, session):
    batch, bad = mixed(kind)
    with closing(kind.make()) as taker:
        taker.take(batch)

    session.expire_all()
    letters = session.scalars(select(DeadLetter).order_by(DeadLetter.source_offset)).all()
    assert [one.source_offset for one in letters] == bad
    assert {(one.stream, one.topic, one.source_partition) for one in letters} == {
        (kind.stream, batch[0].topic, 0)
    }
    assert all(one.message and one.archive_segment_id is not None for one in letters)
    assert "unexpected" not in {one.reason for one in letters}
    if kind.table is LasairAlert:  # which are told apart by their place alone
        assert rows(session, LasairAlert) + len(letters) == len(batch)
        return
    assert rows(session, SelectedAlert) == 3
    [(read, written, filtered, failed, duplicate)] = world.counts(session)
    assert (read, written, filtered, failed) == (len(batch), 3, 0, len(bad))
    assert read == written + filtered + failed + duplicate


def test_an_error_of_ours_costs_one_letter_and_no_neighbour(kind, session, monkeypatch):
    taker = kind.make()
    store = type(taker)._store

    def broken(self, *given: Any) -> Any:
        [alerts] = [each for each in given if isinstance(each, list)]
        if any(_offset(each) == 1 for each in alerts):
            raise ValueError("a bug of ours")
        return store(self, *given)

    monkeypatch.setattr(type(taker), "_store", broken)
    with closing(taker):
        taker.take(received(kind, *map(kind.good, (1, 2, 3))))

    session.expire_all()
    letters = session.scalars(select(DeadLetter)).all()
    assert [(one.source_offset, one.reason) for one in letters] == [(1, "unexpected")]
    assert "a bug of ours" in letters[0].traceback
    assert rows(session, kind.table) == 2


def _offset(one: Any) -> int:
    return (one.received if hasattr(one, "received") else one.message).offset
