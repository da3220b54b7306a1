"""Folders and files on a real WebDAV server, with a bad wire and a bad server too."""

import hashlib
from collections.abc import Iterator

import pytest

from broker.errors import TransientError
from pipeline.clients.webdav import WebDav, WebDavRefusedError, content
from tests.standins.faulty import Asked, cut, cut_after, hang, shorten, status
from tests.standins.webdav_server import PASSWORD, WebDavServer

PLAN = b"rank_id tile_id\n" * 20_000
PLACE = "Candidates/GW/S241102br/VOEVENTS/notice.json"
PART = f"Candidates/GW/S241102br/VOEVENTS/.part-{hashlib.sha256(PLAN).hexdigest()[:8]}-notice.json"


@pytest.fixture
def dav(server: WebDavServer) -> Iterator[WebDav]:
    with WebDav.from_settings(server.settings()) as client:
        yield client


@pytest.fixture
def hasty(server: WebDavServer) -> Iterator[WebDav]:
    with WebDav.from_settings(server.settings(read_timeout_s=0.3)) as client:
        yield client


@pytest.mark.parametrize("code", [423, 429, 500, 502, 503, 504])
def test_a_busy_server_is_transient(server, dav, code):
    server.faults["PUT"].append(status(code))

    with pytest.raises(TransientError, match=f"OwnCloud: PUT .*: {code}"):
        dav.upload(PLACE, content(PLAN))


@pytest.mark.parametrize("method", ["MKCOL", "PUT", "HEAD", "MOVE"])
def test_a_busy_server_is_transient_in_every_call(server, dav, method):
    server.faults[method].append(status(500))

    with pytest.raises(TransientError, match=f"OwnCloud: {method} .*: 500"):
        dav.upload(PLACE, content(PLAN))


@pytest.mark.parametrize("code", [401, 403, 507])
def test_what_needs_a_person_stops_everything(server, dav, code):
    server.faults["PUT"].append(status(code))

    with pytest.raises(WebDavRefusedError, match=f"PUT .*: {code} ") as caught:
        dav.upload(PLACE, content(PLAN))

    assert caught.value.stops_all


@pytest.mark.parametrize("code", [302, 404, 412])
def test_another_refusal_concerns_one_file(server, dav, code):
    server.faults["MOVE"].append(status(code, Location="http://elsewhere.invalid/"))

    with pytest.raises(WebDavRefusedError, match=str(code)) as caught:
        dav.upload(PLACE, content(PLAN))

    assert not caught.value.stops_all


def test_a_wrong_password_is_refused_and_not_told(server):
    wrong = server.settings(password=f"not-{PASSWORD}")

    with (
        WebDav.from_settings(wrong) as dav,
        pytest.raises(WebDavRefusedError, match="401") as found,
    ):
        dav.make_folder("Candidates")

    assert PASSWORD not in str(found.value)


@pytest.mark.parametrize("method", ["MKCOL", "PUT", "HEAD", "MOVE"])
def test_a_silent_server_is_left(server, hasty, method):
    server.faults[method].append(hang)

    with pytest.raises(TransientError, match=f"{method} .*ReadTimeout"):
        hasty.upload(PLACE, content(PLAN))


def test_a_server_that_is_away_is_transient(server):
    away = server.settings(url="http://127.0.0.1:1/dav")

    with WebDav.from_settings(away) as dav, pytest.raises(TransientError, match="ConnectError"):
        dav.make_folder("Candidates")


def test_a_file_cut_on_its_way_is_absent_and_arrives_whole_the_next_time(server, dav):
    dav.make_folder("Candidates/GW/S241102br/VOEVENTS")
    server.faults["PUT"].append(cut(1000))

    with pytest.raises(TransientError):
        dav.upload(PLACE, content(PLAN))
    assert PLACE not in server.files()
    dav.upload(PLACE, content(PLAN))

    assert server.files() == {PLACE: PLAN}


def test_a_file_that_arrived_short_is_not_put_in_its_place(server, dav):
    dav.make_folder("Candidates/GW/S241102br/VOEVENTS")
    server.faults["PUT"].append(shorten(100))

    with pytest.raises(TransientError, match=f"100 of {len(PLAN)} bytes arrived"):
        dav.upload(PLACE, content(PLAN))

    assert server.files() == {PART: PLAN[:100]}


def test_a_move_whose_answer_was_lost_is_repeated_without_harm(server, dav):
    server.faults["MOVE"].append(cut_after)

    with pytest.raises(TransientError):
        dav.upload(PLACE, content(PLAN))
    dav.upload(PLACE, content(PLAN))

    assert server.files() == {PLACE: PLAN}


def test_a_folder_is_made_with_those_above_it(server, dav):
    dav.make_folder("Candidates/GW/S241102br/GWEMOPT")

    assert server.folders() == {
        "Candidates",
        "Candidates/GW",
        "Candidates/GW/S241102br",
        "Candidates/GW/S241102br/GWEMOPT",
    }


def test_a_folder_that_exists_is_left_as_it_is(server, dav):
    dav.upload(PLACE, content(PLAN))
    dav.make_folder("Candidates/GW/S241102br/VOEVENTS")

    assert server.files() == {PLACE: PLAN}


def test_a_file_travels_under_a_name_of_its_own(server, dav):
    dav.make_folder("Candidates/GW/S241102br/VOEVENTS")
    server.asked.clear()
    dav.upload(PLACE, content(PLAN))

    assert server.asked == [Asked("PUT", PART), Asked("HEAD", PART), Asked("MOVE", PART)]


def test_a_file_of_disk_replaces_the_one_before(server, dav, tmp_path):
    dav.upload(PLACE, content(b"older"))
    (tmp_path / "plan").write_bytes(PLAN)
    dav.upload(PLACE, content(tmp_path / "plan"))

    assert server.files() == {PLACE: PLAN}


def test_names_are_written_as_they_are(server, dav):
    place = "Candidates/a b+c%2F#é.txt"
    dav.upload(place, content(b"1"))

    assert server.files() == {place: b"1"}


@pytest.mark.parametrize("path", ["a/../b", "./a", "a//b", "a/\x00b", "", "a\nb", "a" * 256])
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_sent(server, dav, path):
    with pytest.raises(ValueError, match="is no name"):
        dav.make_folder(path)

    assert server.asked == []


def test_a_file_is_measured_without_being_held(tmp_path):
    (tmp_path / "map").write_bytes(PLAN)

    found = content(tmp_path / "map")

    assert (found.length_bytes, found.sha256) == (len(PLAN), hashlib.sha256(PLAN).hexdigest())
