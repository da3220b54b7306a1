"""Notices as files, from rows and from the archive."""

import base64
import json
import os
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from broker.archive import ArchiveWriter
from broker.kafka_types import Packet
from pipeline.gw.notice_files import keep_notice, notice_content, remove_old, write_whole
from pipeline.gw.steps import Done, Skip
from pipeline.gw.tables import Delivery
from tests.factories import make_source
from tests.gw_rows import held, make_map, make_notice

RAW = b'{ "superevent_id":"S241102br", "far": 1e-7 }'
DAY_S = 86_400


@pytest.fixture
def folder(set_up, tmp_path) -> Path:
    set_up(gw__notice_dir=tmp_path / "notices", archive__path=tmp_path / "archive")
    return tmp_path / "notices"


@pytest.fixture
def archived(session, folder, tmp_path, monkeypatch):
    """A notice whose bytes are in the archive."""
    source = make_source(session)
    writer = ArchiveWriter(tmp_path / "archive", 10**6)
    night = date(2024, 11, 2)
    (piece,) = writer.append("igwn", night, source.id, 0, [Packet(0, 0, RAW)])
    writer.close()
    return make_notice(
        session,
        archive_segment_id=piece.segment_id,
        archive_start=piece.start,
        archive_length=piece.length,
        archive_crc32=piece.crc32,
    )


def test_a_mock_is_not_kept_as_a_file(session, folder):
    notice = make_notice(session, kind="mock")

    assert isinstance(keep_notice(held(notice, "notice_files")), Skip)
    assert not folder.exists()


def test_without_a_folder_nothing_is_kept(session, set_up):
    assert keep_notice(held(make_notice(session), "notice_files")) == Skip(
        "gw.notice_dir is not set"
    )


def test_a_real_notice_is_one_file_however_often_it_is_kept(session, folder):
    notice = make_notice(session, reception_count=3)
    outcomes = [keep_notice(held(notice, "notice_files")) for _ in range(2)]

    assert outcomes == [Done(), Done()]
    (path,) = folder.iterdir()
    assert path.name == "S241102br_3_PRELIMINARY.json"
    assert json.loads(path.read_bytes()) == notice.payload_json
    assert session.scalar(select(Delivery.key).where(Delivery.channel == "directory")) == str(path)


def test_a_strange_type_leads_nowhere_else(session, folder):
    notice = make_notice(session, alert_type="../../etc/PASS wd")
    keep_notice(held(notice, "notice_files"))

    assert [path.name for path in folder.iterdir()] == ["S241102br_1_.._.._etc_PASS_wd.json"]


def test_both_maps_stand_where_they_stood(session, folder):
    first, second = make_map(session), make_map(session, sha256="cd" * 32, fits=b"joint")
    notice = make_notice(
        session,
        payload_json={"event": {"group": "CBC"}, "external_coinc": {"observatory": "Fermi"}},
        skymap_id=first.id,
        combined_skymap_id=second.id,
    )

    found = json.loads(notice_content(notice))
    assert base64.b64decode(found["event"]["skymap"]) == b"SIMPLE  = T"
    assert base64.b64decode(found["external_coinc"]["combined_skymap"]) == b"joint"
    assert notice.payload_json["event"] == {"group": "CBC"}


def test_an_archived_notice_is_kept_to_the_letter(archived):
    assert notice_content(archived) == RAW


def test_a_damaged_archive_is_no_obstacle(archived):
    archived.archive_crc32 += 1

    assert json.loads(notice_content(archived)) == archived.payload_json


def test_a_file_is_never_seen_half_written(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.json", b"older")
    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="no space"):
        write_whole(tmp_path / "a.json", b"newer")
    assert (tmp_path / "a.json").read_bytes() == b"older"


def fail(_):
    raise OSError("no space")


def test_only_old_files_of_ours_are_removed(tmp_path):
    names = {
        "S241102br_1_PRELIMINARY.json": 366,
        ".part-77-S241102br_2_UPDATE.json": 366,
        "S250101ab_1_PRELIMINARY.json": 364,
        "notes.json": 4000,
        "S241102br_1_PRELIMINARY.json.bak": 4000,
    }
    for name, age_days in names.items():
        (tmp_path / name).write_bytes(b"{}")
        then_s = time.time() - age_days * DAY_S
        os.utime(tmp_path / name, (then_s, then_s))
    (tmp_path / "S1_1_UPDATE.json").mkdir()

    assert remove_old(tmp_path, 365) == 2
    assert {path.name for path in tmp_path.iterdir()} == {*list(names)[2:], "S1_1_UPDATE.json"}


def test_a_folder_that_does_not_exist_holds_nothing_old(tmp_path):
    assert remove_old(tmp_path / "none", 1) == 0
