"""Messages of GCN's JSON topics into rows, and circulars into threads."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from pipeline.gw.gcn_intake import GCN_JSON, judge
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.notices import MAX_NOTICE_BYTES, BadNotice
from pipeline.gw.tables import GwStep
from tests.gw_arrivals import NOW, take
from tests.gw_rows import make_notice
from tests.samples import folder

CIRCULAR = {"subject": "LIGO/Virgo/KAGRA S241102br: Updated sky map", "circularId": 38000}


def rows(session):
    return list(session.scalars(select(GcnNotice).order_by(GcnNotice.id)))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"[1]", "not_json"),
        (b"{" * 100_000, "not_json"),
        (b"\xff", "not_json"),
        (b" " * (MAX_NOTICE_BYTES + 1), "too_large"),
    ],
)
def test_what_is_no_message_is_refused_with_its_reason(raw, reason):
    with pytest.raises(BadNotice) as caught:
        judge(raw, "gcn.circulars")

    assert caught.value.reason == reason


def test_a_message_is_stored_once_however_it_is_written(session):
    take(session, GCN_JSON, b'{"id": "7", "ra": 1.5, "dec": -2}', topic="gcn.notices.x")
    again = take(session, GCN_JSON, b'{"dec":-2,"ra":1.5,"id":"7"}', topic="gcn.notices.x")

    (row,) = rows(session)
    assert (row.notice_id, row.ra_deg, row.dec_deg) == ("7", 1.5, -2.0)
    assert again.text.endswith("known already")


def test_nan_and_nul_are_no_obstacle(session):
    take(session, GCN_JSON, b'{"id": "a\\u0000b", "far": NaN}', topic="gcn.notices.x")

    assert rows(session)[0].payload == {"id": "a\ufffdb", "far": None}


def test_of_the_heartbeat_there_is_one_row_the_newest(session):
    for n in range(3):
        at = NOW + timedelta(seconds=n)
        raw = json.dumps({"alert_datetime": str(at)}).encode()
        take(session, GCN_JSON, raw, topic="gcn.heartbeat", offset=n, received_at=at)
    session.expire_all()

    (row,) = rows(session)
    assert (row.received_at, row.source_offset) == (NOW + timedelta(seconds=2), 2)
    assert row.payload == {"alert_datetime": str(NOW + timedelta(seconds=2))}


@pytest.mark.parametrize("thread_ts", [None, "1.0"])
def test_a_circular_goes_to_the_thread_of_its_event(session, thread_ts):
    notice = make_notice(session, thread_ts=thread_ts, channel="C0GW")
    take(session, GCN_JSON, json.dumps(CIRCULAR).encode(), topic="gcn.circulars")

    steps = list(session.execute(select(GwStep.step, GwStep.id_gw, GwStep.key)))
    told = [("circular", notice.id_gw, str(rows(session)[0].id))]
    assert steps == (told if thread_ts else [])
    assert rows(session)[0].trigger_id == "S241102br"


def test_a_circular_about_nothing_known_is_stored(session):
    take(session, GCN_JSON, json.dumps(CIRCULAR).encode(), topic="gcn.circulars")

    assert rows(session)[0].notice_id == "38000"
    assert session.scalar(select(GwStep.id)) is None


@pytest.mark.samples
def test_every_real_message_is_stored(session):
    files = sorted((folder() / "gw/gcn-json").glob("*.json"))
    for n, file in enumerate(files):
        take(session, GCN_JSON, file.read_bytes(), topic="gcn.notices.x", offset=n)

    assert len(rows(session)) == len(files) == 31
    assert not any("healpix_file" in row.payload for row in rows(session))
