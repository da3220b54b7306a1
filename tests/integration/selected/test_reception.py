"""Messages to rows: bad ones become letters, the books add up, one host has a selection."""

from contextlib import nullcontext

import pytest
from sqlalchemy import select, update

from broker.archive import ArchiveSegment, ArchiveWriter
from broker.config import config, project_path
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from broker.kafka_types import Packet
from pipeline.selected import sources
from pipeline.selected.reception import Reception
from pipeline.selected.tables import OutputFile, SelectedAlert, SelectedRun
from pipeline.surveys import lsst
from tests.factories import make_alert, make_source
from tests.integration.selected.world import (
    EVENING,
    MORNING,
    OURS,
    Consumer,
    counts,
    packet,
    received,
)
from tests.samples import container

pytestmark = pytest.mark.integration

ZTF = {
    "type": "record",
    "name": "ztf",
    "fields": [
        {
            "name": "candidate",
            "type": {"type": "record", "name": "c", "fields": [{"name": "jd", "type": "double"}]},
        }
    ],
}


def letters(session):
    found = select(DeadLetter).order_by(DeadLetter.source_offset)
    return [
        (one.stream, one.topic, one.source_partition, one.source_offset, one.reason)
        for one in session.scalars(found)
    ]


def test_bad_messages_are_letters_with_their_place_and_the_others_rows(session, root):
    taker = Consumer()
    batch = received(b"", packet(1), packet(2)[:-30], b"{}", packet(3))

    new = taker.reception.take(batch)

    place = ("selected", batch[0].topic, 0)
    assert letters(session) == [
        (*place, 0, "empty"),
        (*place, 2, "truncated"),
        (*place, 3, "truncated"),
    ]
    assert len(new) == 2
    assert counts(session) == [(5, 2, 0, 3, 0)]


def nights(session):
    """Return the dates of the runs that wrote something, and of the tables."""
    session.expire_all()
    wrote = select(SelectedRun.night).where(SelectedRun.written_count > 0)
    return (
        session.scalars(wrote.order_by(SelectedRun.id)).all(),
        session.scalars(select(OutputFile.night).order_by(OutputFile.night)).all(),
    )


def test_rows_across_midnight_are_counted_on_the_date_of_their_table(session, root):
    taker = Consumer()
    times = iter([EVENING])
    taker.reception._clock = lambda: next(times, MORNING)

    taker.reception.take(received(packet(1)))
    taker.reception.take(received(packet(2), first=1))

    ran, tabled = nights(session)
    assert ran == tabled == [EVENING.date(), MORNING.date()]


def test_rows_that_a_closed_table_takes_no_more_are_counted_on_the_next_date(session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    taker.now = MORNING
    taker.work([])
    taker.now = EVENING
    taker.work(received(packet(2), b"", first=1))
    taker.work(received(packet(3), first=3))

    ran, tabled = nights(session)
    assert ran == [EVENING.date(), MORNING.date()]
    assert set(tabled) == {EVENING.date(), MORNING.date()}
    assert counts(session) == [(1, 1, 0, 0, 0), (3, 2, 0, 1, 0)]


def test_a_message_that_cannot_be_stored_is_buried_alone(session, root, monkeypatch):
    taker = Consumer()
    store = Reception._store

    def refuse(self, session, alerts, at):
        if any(alert.values["alert_id"] == 2**60 + 2 for alert in alerts):
            raise ValueError("no such column")
        return store(self, session, alerts, at)

    monkeypatch.setattr(Reception, "_store", refuse)

    new = taker.reception.take(received(packet(1), packet(2), packet(3)))

    assert len(new) == 2
    assert [letter[3:] for letter in letters(session)] == [(1, "unexpected")]
    assert counts(session) == [(3, 2, 0, 1, 0)]


def test_what_comes_again_is_a_duplicate_in_a_batch_and_later(session, root):
    taker = Consumer()

    taker.reception.take(received(packet(1), packet(1), packet(2)))
    taker.now = MORNING
    again = taker.reception.take(received(packet(1), packet(2), first=3))

    assert again == {}
    assert counts(session) == [(3, 2, 0, 0, 1), (2, 0, 0, 0, 2)]
    rows = session.scalars(select(SelectedAlert)).all()
    assert {row.processed_at for row in rows} == {EVENING}


def test_an_image_that_is_missing_or_broken_is_counted_and_its_row_kept(session, root):
    taker = Consumer()

    taker.reception.take(received(packet(1, cutoutTemplate=None, cutoutDifference=b"<html>")))

    row = session.scalars(select(SelectedAlert)).one()
    assert (row.science_state, row.template_state, row.difference_state) == (
        "present", "absent", "broken",
    )  # fmt: skip
    assert row.science_path == (f"lsst_alerts/cutouts/{2**60 + 1}_science_20261122_213005.fits")
    assert (row.template_path, row.difference_path) == (None, None)
    run = session.scalars(select(SelectedRun)).one()
    assert (run.missing_cutout_count, run.broken_cutout_count) == (1, 1)
    assert counts(session) == [(1, 1, 0, 0, 0)]


def archived(session, candid, value):
    """Let our own alert stream have stored a packet; return where it lies."""
    source = make_source(session, stream="lsst", topic="lsst-alerts-v11")
    archive = ArchiveWriter(project_path(config().archive.path), 10**9)
    [piece] = archive.append("lsst", EVENING.date(), source.id, 0, [Packet(0, 1, value)])
    row = make_alert(
        session, source, session.get(ArchiveSegment, piece.segment_id), candid=candid,
        archive_start=piece.start, archive_length=piece.length, archive_crc32=piece.crc32,
    )  # fmt: skip
    row.survey = "lsst"
    session.flush()
    return piece


def test_the_packet_of_our_own_alert_is_not_kept_a_second_time(session, root):
    piece = archived(session, 2**60 + 7, packet(7))

    Consumer().reception.take(received(packet(7), packet(8)))

    found = session.scalars(select(SelectedAlert).order_by(SelectedAlert.alert_id)).all()
    assert found[0].archive_segment_id == piece.segment_id
    assert found[1].archive_segment_id not in {piece.segment_id, None}


def test_a_packet_that_only_another_host_has_is_kept_here_too(session, root, monkeypatch):
    piece = archived(session, 2**60 + 7, packet(7))
    session.execute(update(ArchiveSegment).values(host="there"))
    session.commit()
    for segment in (root.parent / "archive").rglob("*.seg"):
        segment.unlink()

    taker = Consumer()
    taker.reception.take(received(packet(7)))
    taker.writer.write({})

    [row] = session.scalars(select(SelectedAlert)).all()
    assert row.archive_segment_id not in {piece.segment_id, None}
    assert len(list(root.rglob("*.fits"))) == 3


def babamul(number):
    fields = [
        {"name": name, "type": kind}
        for name, kind in (
            ("diaSourceId", "long"), ("ra", "double"), ("dec", "double"),
            ("midpointMjdTai", "double"), ("band", "string"), ("psfFlux", "float"),
        )
    ]  # fmt: skip
    candidate = {"type": "record", "name": "c", "fields": fields}
    schema = {
        "type": "record",
        "name": "b",
        "fields": [{"name": "candid", "type": "long"}, {"name": "candidate", "type": candidate}],
    }
    values = {
        "diaSourceId": number, "ra": 1.0, "dec": 2.0, "midpointMjdTai": 61000.0, "band": "r",
        "psfFlux": 5.5,
    }  # fmt: skip
    return container(schema, {"candid": number, "candidate": values})


def test_a_babamul_message_takes_images_from_the_archive_where_it_can(session, root):
    archived(session, 2**60 + 7, packet(7))

    Consumer(source="babamul").reception.take(received(babamul(2**60 + 7), babamul(9)))

    short, whole = session.scalars(select(SelectedAlert).order_by(SelectedAlert.alert_id))
    assert (short.alert_id, short.ps_flux_njy, short.extendedness_max) == (9, 5.5, None)
    assert (short.science_state, short.science_path) == ("absent", None)
    assert whole.extendedness_max == pytest.approx(0.31179, abs=1e-6)
    assert whole.science_path.startswith("lsst_alerts/babamul/cutouts/")
    assert session.scalars(select(SelectedRun.no_packet_count)).one() == 1


@pytest.mark.parametrize("host", ["", "there"])
def test_a_babamul_message_waits_for_an_archive_of_ours_that_cannot_be_read(session, root, host):
    archived(session, 2**60 + 7, packet(7))
    if host:
        session.execute(update(ArchiveSegment).values(host=host))
        session.commit()
    [segment] = (root.parent / "archive").rglob("*.seg")
    segment.rename(segment.with_suffix(".away"))
    segment.mkdir()
    taker = Consumer(source="babamul")

    with pytest.raises(TransientError, match="cannot be read"):
        taker.reception.take(received(babamul(2**60 + 7)))
    assert session.scalars(select(SelectedAlert)).all() == []

    segment.rmdir()
    segment.with_suffix(".away").rename(segment)
    taker.reception.take(received(babamul(2**60 + 7)))
    [row] = session.scalars(select(SelectedAlert)).all()
    assert row.extendedness_max == pytest.approx(0.31179, abs=1e-6)


@pytest.mark.parametrize(("host", "waits"), [("", True), ("there", False)], ids=["ours", "theirs"])
def test_a_babamul_message_waits_for_a_segment_that_is_missing_here_but_not_for_another_host(
    session, root, host, waits
):
    archived(session, 2**60 + 7, packet(7))
    if host:
        session.execute(update(ArchiveSegment).values(host=host))
        session.commit()
    [segment] = (root.parent / "archive").rglob("*.seg")
    segment.unlink()
    taker = Consumer(source="babamul")

    with pytest.raises(TransientError) if waits else nullcontext():
        taker.reception.take(received(babamul(2**60 + 7)))
    assert session.scalars(select(SelectedRun.no_packet_count)).all() == ([] if waits else [1])


def of_old_schema(number, alert_id):
    """Return a packet that has an id besides its source's, as those up to schema 7.4."""
    schema = lsst.package_schema(1101)
    record = OURS(packet(number)).record | {"alertId": alert_id}
    return container(
        schema | {"fields": [{"name": "alertId", "type": "long"}, *schema["fields"]]}, record
    )


def test_an_alert_whose_packet_comes_between_two_deliveries_is_one_row(session, root):
    taker = Consumer(source="babamul")
    taker.work(received(babamul(2**60 + 7)))
    archived(session, 2**60 + 7, of_old_schema(7, alert_id=77))

    taker.work(received(babamul(2**60 + 7), first=1))

    [row] = session.scalars(select(SelectedAlert)).all()
    assert (row.alert_id, row.dia_source_id) == (2**60 + 7, 2**60 + 7)
    assert counts(session) == [(2, 1, 0, 0, 1)]


def test_an_alert_of_an_old_schema_has_its_own_id_and_comes_once(session, root):
    archived(session, 2**60 + 8, of_old_schema(8, alert_id=78))

    Consumer(source="babamul").work(received(babamul(2**60 + 8), babamul(2**60 + 8)))

    [row] = session.scalars(select(SelectedAlert)).all()
    assert (row.alert_id, row.dia_source_id) == (78, 2**60 + 8)
    assert counts(session) == [(2, 1, 0, 0, 1)]


def test_what_another_broker_sends_is_held_against_our_own_thresholds(session, root, monkeypatch):
    record = '[{"name": "external", "topic": "t", "bootstrap_servers": "broker.invalid:9092"}]'
    monkeypatch.setenv("NIGHTJAR_SELECTED__SOURCES", record)
    config.cache_clear()
    taker = Consumer(source="external")

    taker.reception.take(received(packet(1), packet(2)))
    monkeypatch.setenv("NIGHTJAR_SELECTED__EXTENDEDNESS__REQUIRE_SSSOURCE", "any")
    config.cache_clear()
    taker.reception.take(received(packet(3), first=2))
    monkeypatch.setenv("NIGHTJAR_SELECTED__EXTENDEDNESS__MEDIAN_MIN", "0.4")
    config.cache_clear()
    taker.reception.take(received(packet(4), first=3))
    monkeypatch.setenv("NIGHTJAR_COLLECT__RECHECK", "false")
    config.cache_clear()
    taker.reception.take(received(packet(5), packet(3), first=4))

    assert counts(session) == [(6, 2, 3, 0, 1)]


def test_ztf_messages_are_refused_with_a_sentence(session, root):
    Consumer(source="babamul").reception.take(
        received(container(ZTF, {"candidate": {"jd": 2461000.5}}))
    )

    letter = session.scalars(select(DeadLetter)).one()
    assert (letter.stream, letter.reason) == ("babamul", "bad_value")
    assert letter.message.startswith("a ZTF alert")


def test_another_host_with_the_same_root_is_refused_by_name(session, root, monkeypatch):
    Consumer()
    monkeypatch.setenv("NIGHTJAR_OUTPUT__HOST", "there")
    config.cache_clear()

    with pytest.raises(sources.SelectionTakenError, match="is written by here, this is there"):
        Consumer()

    monkeypatch.setenv("NIGHTJAR_OUTPUT__ROOT", f"{root}-there")
    config.cache_clear()
    assert Consumer().target.host == "there"


def test_what_comes_again_takes_no_second_place_in_the_archive(session, root):
    def kept():
        return sum(each.stat().st_size for each in root.parent.glob("archive/**/*.seg"))

    taker = Consumer()
    taker.reception.take(received(packet(1), packet(2)))
    before = kept()
    taker.reception.take(received(packet(1), packet(2)))

    assert 0 < before == kept()
