"""A broker of others: framing, schemas by id, our own look; one record of the settings each."""

import json
import uuid

import pytest
from sqlalchemy import select, update

from broker.avro_schema import SchemaUnreachableError
from broker.config import config
from broker.dead_letters import DeadLetter
from broker.retakes import take_retried
from broker.sections.selected import SourceSettings
from pipeline.selected import packets, sources
from pipeline.selected.collect import collect
from pipeline.selected.others import OthersReader
from pipeline.selected.tables import SelectedAlert
from pipeline.surveys import lsst
from tests import samples
from tests.database import run_sql
from tests.integration.selected.test_collect import send
from tests.integration.selected.world import Consumer, counts, expected, packet, received, tree
from tests.standins.schema_registry import busy, schema_registry
from tests.unit.pipeline.surveys.lsst_packets import alert

pytestmark = pytest.mark.integration

NAME = "elsewhere"
RUBIN_10_0, RUBIN_11_0, THEIRS = 1000, 1100, 7


@pytest.fixture(autouse=True)
def believing(root, monkeypatch):
    """Believe what the broker selected; return a function that says whether we look again."""

    def look(again: str) -> None:
        monkeypatch.setenv("NIGHTJAR_COLLECT__RECHECK", again)
        config.cache_clear()

    look("false")
    return look


def reader(**given):
    place = {"name": NAME, "topic": "t", "bootstrap_servers": "broker.invalid:9092"}
    return OthersReader(SourceSettings(**place | given)).read


def consumer(**given) -> Consumer:
    return Consumer(source=NAME, read=reader(**given))


def framed(number: int, *, written: int = RUBIN_10_0, named: int = RUBIN_10_0) -> bytes:
    record = alert({"extendedness": 0.5})
    record["diaSourceId"] = record["diaSource"]["diaSourceId"] = number
    return samples.framed(lsst.package_schema(written), named, record)


def letters(session):
    found = session.scalars(select(DeadLetter).order_by(DeadLetter.source_offset))
    return [(one.stream, one.source_offset, one.reason, one.message) for one in found]


def test_bytes_of_another_schema_than_their_id_are_a_letter_with_that_id(session, root):
    batch = received(framed(1), framed(2, named=RUBIN_11_0), framed(3, named=9999), framed(4))

    consumer().reception.take(batch)

    wrong, unknown = letters(session)
    assert wrong[:2] == (NAME, 1)
    assert wrong[3].startswith("with schema id 1100: ")
    assert unknown[:3] == (NAME, 2, "unknown_schema")
    assert "9999" in unknown[3]
    assert counts(session) == [(4, 2, 0, 2, 0)]


@pytest.mark.parametrize(
    ("wire", "value"),
    [("container", framed(1)), ("confluent", packet(1))],
    ids=["bare record", "container"],
)
def test_a_message_in_another_framing_than_agreed_is_a_letter(session, root, wire, value):
    consumer(wire=wire).reception.take(received(value))

    assert [one[2] for one in letters(session)] == ["bad_value"]


def test_containers_are_read_where_they_are_agreed(session, root):
    consumer(wire="container").reception.take(received(packet(1), framed(2)))

    assert counts(session) == [(2, 1, 0, 1, 0)]


def test_ids_of_a_registry_of_others_wait_for_it_and_mean_nothing_in_our_archive(session, root):
    schemas = {THEIRS: busy}
    with schema_registry(schemas) as server:
        taker = consumer(registry_url=server.url)
        with pytest.raises(SchemaUnreachableError):
            taker.work(received(framed(1, named=THEIRS)))
        schemas[THEIRS] = lsst.package_schema(RUBIN_10_0)
        taker = consumer(registry_url=server.url)
        taker.work(received(framed(1, named=THEIRS)))

    [row] = session.scalars(select(SelectedAlert))
    columns = {one.name: getattr(row, one.name) for one in row.__table__.columns}
    slices, unread = {row.id: packets.slice_of(columns)}, packets.Unread({}, {})
    assert dict(packets.records(slices, unread))[row.id]["diaSourceId"] == 1
    assert tree(root) == expected(session, taker.target)


def test_a_file_of_a_schema_is_looked_into_first(session, root, tmp_path):
    path = tmp_path / "theirs"
    path.mkdir()
    (path / f"{THEIRS}.avsc").write_text(json.dumps(plain(lsst.package_schema(RUBIN_10_0))))

    consumer(schema_dir=str(path)).reception.take(received(framed(1, named=THEIRS)))

    assert counts(session) == [(1, 1, 0, 0, 0)]


def plain(schema):
    return {name: part for name, part in schema.items() if not name.startswith("__")}


@pytest.mark.samples
@pytest.mark.parametrize(
    ("required", "written"),
    [("true", 10), ("false", 29), ("any", 39)],
    ids=["sso", "others", "both"],
)
def test_real_alerts_are_judged_as_in_the_stream(
    session, root, believing, monkeypatch, required, written
):
    believing("true")
    record = {"name": NAME, "topic": "t", "bootstrap_servers": "broker.invalid:9092"}
    monkeypatch.setenv("NIGHTJAR_SELECTED__SOURCES", json.dumps([record]))
    monkeypatch.setenv("NIGHTJAR_SELECTED__EXTENDEDNESS__REQUIRE_SSSOURCE", required)
    config.cache_clear()

    consumer().reception.take(received(*(one.value for one in samples.rubin())))

    assert counts(session) == [(45, written, 45 - written, 0, 0)]  # surveys.md, section 5


def test_a_letter_whose_alert_our_own_look_refuses_is_resolved_in_those_words(
    session, root, believing, monkeypatch
):
    record = {"name": NAME, "topic": "t", "bootstrap_servers": "broker.invalid:9092"}
    monkeypatch.setenv("NIGHTJAR_SELECTED__SOURCES", json.dumps([record]))
    consumer(wire="container").reception.take(received(framed(1)))
    session.execute(update(DeadLetter).values(state="retried"))
    session.commit()

    believing("true")
    taken = take_retried(NAME, consumer().reception.take_again)

    session.expire_all()
    letter = session.scalars(select(DeadLetter)).one()
    assert (taken, letter.state) == (1, "resolved")
    assert letter.resolved_by == "the packet was read, and refused by our own thresholds"
    assert session.scalars(select(SelectedAlert)).all() == []


def test_a_source_that_nobody_has_declared_is_refused_by_name(monkeypatch):
    with pytest.raises(KeyError, match="nowhere"):
        sources.settings_of("nowhere")


@pytest.mark.slow
@pytest.mark.xdist_group("kafka")
def test_a_run_reads_a_broker_of_others_with_its_own_group(database, root, make_topic, monkeypatch):
    topic, here = make_topic(1), config().kafka
    record = {
        "name": NAME, "topic": topic, "bootstrap_servers": here.bootstrap_servers,
        "security_protocol": here.security_protocol, "sasl_mechanism": here.sasl_mechanism,
        "username": here.username, "password": here.password.get_secret_value(),
        "group_id": f"nightjar-{uuid.uuid4().hex}",
    }  # fmt: skip
    monkeypatch.setenv("NIGHTJAR_SELECTED__SOURCES", json.dumps([record]))
    config.cache_clear()
    send(topic, framed(1), framed(2, named=RUBIN_11_0), framed(3))

    found = collect(NAME)

    assert sources.group_of(NAME) == record["group_id"]
    assert (found.why, found.behind) == (None, 0)
    assert run_sql(database, "SELECT alert_id, csv_seq FROM selected_alerts ORDER BY id") == [
        (1, 1),
        (3, 2),
    ]
    assert len(list(root.glob(f"lsst_alerts/{NAME}/data/*.csv"))) == 1
