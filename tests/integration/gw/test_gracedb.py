"""GraceDB, over real HTTP with faults."""

import pytest

from broker.errors import TransientError
from broker.sections.outside import GracedbSettings
from pipeline.clients.gracedb import MAX_NOTICE_BYTES, MOST_NOTICES, GraceDb, GraceDbError
from tests.standins.gracedb import gracedb
from tests.standins.schema_registry import busy, cut, garbage, hanging, moved, oversized

FILES = "/superevents/S241102br/files/"
NAMES = [
    "S241102br-update.json",
    "S241102br-update.json,1",
    "S241102br-update.json,0",
    "S241102br-preliminary.json,0",
    "S241102br-retraction.json",
    "S241102br-1-Preliminary.xml,0",
    "S250910b-initial.json,0",
    "bayestar.multiorder.fits,0",
    "p_astro.json",
    "../S241102br-initial.json",
]


def fetch(known, superevent_id="S241102br", timeout_s=5.0):
    with gracedb(known) as server:
        settings = GracedbSettings(url=server.url, timeout_s=timeout_s)
        with GraceDb.from_settings(settings) as client:
            return client.notices(superevent_id), server.asked


@pytest.mark.parametrize(
    ("fault", "error", "cause"),
    [
        (busy, TransientError, "503"),
        (hanging, TransientError, "ReadTimeout"),
        (cut, TransientError, "RemoteProtocolError"),
        (moved, GraceDbError, "302"),
        (garbage, GraceDbError, "list of files"),
        (oversized, GraceDbError, "more than"),
        (None, GraceDbError, "404"),
        ([], GraceDbError, "no public notice"),
    ],
)
def test_trouble_is_named(fault, error, cause):
    with pytest.raises(error, match=cause):
        fetch({FILES: fault}, timeout_s=0.3)


@pytest.mark.parametrize("superevent_id", ["", "../users", "S1/files", "S 1", "S" * 65])
def test_what_is_no_id_is_not_asked_for(superevent_id):
    with pytest.raises(GraceDbError, match="no superevent's id"):
        fetch({}, superevent_id)


def test_a_server_that_is_away_is_transient():
    settings = GracedbSettings(url="http://127.0.0.1:1")

    with GraceDb.from_settings(settings) as client, pytest.raises(TransientError, match="Connect"):
        client.notices("S241102br")


def test_every_version_of_every_notice_is_fetched_from_the_same_host():
    wanted = [NAMES[3], NAMES[2], NAMES[1], NAMES[4]]
    known = {FILES: NAMES} | {FILES + name: name.encode() for name in wanted}

    found, asked = fetch(known)

    assert found == [name.encode() for name in wanted]
    assert len(asked) == 1 + len(wanted)


def test_a_notice_that_is_too_large_is_refused():
    name = "S241102br-update.json,0"

    with pytest.raises(GraceDbError, match=f"more than {MAX_NOTICE_BYTES} bytes"):
        fetch({FILES: [name], FILES + name: b" " * (MAX_NOTICE_BYTES + 1)})


def test_of_a_list_without_end_the_oldest_are_left_out_and_named(caplog):
    names = [f"S241102br-preliminary.json,{n}" for n in range(MOST_NOTICES + 4)]
    names = ["S241102br-update.json,0", *names]

    found, _ = fetch({FILES: names} | {FILES + name: name.encode() for name in names})

    assert len(found) == MOST_NOTICES
    assert found[0] == b"S241102br-preliminary.json,5"
    assert found[-1] == b"S241102br-update.json,0"
    assert "S241102br-preliminary.json,4" in caplog.text
