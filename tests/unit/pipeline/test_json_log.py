"""Logs of JSON for people."""

import json
from contextlib import closing
from datetime import datetime

from pipeline import json_log
from pipeline.json_log import JsonLog


def test_a_line_has_its_time_and_its_facts(tmp_path):
    path = tmp_path / "logs" / "one.log"

    with closing(JsonLog(path)) as log:
        log.note(event="sent", name="a\nb", size_bytes=5)

    [line] = map(json.loads, path.read_text().splitlines())
    assert datetime.fromisoformat(line.pop("at")).utcoffset().total_seconds() == 0
    assert line == {"event": "sent", "name": "a\nb", "size_bytes": 5}


def test_a_large_file_makes_room_for_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(json_log, "LARGEST_BYTES", 100)
    path = tmp_path / "one.log"

    with closing(JsonLog(path)) as log:
        for number in range(20):
            log.note(number=number)

    files = sorted(each.name for each in tmp_path.iterdir())
    assert files == ["one.log", *(f"one.log.{at}" for at in range(1, json_log.KEPT + 1))]
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 19


def test_a_log_that_retention_deletes_begins_anew(tmp_path):
    path = tmp_path / "one.log"

    with closing(JsonLog(path)) as log:
        log.note(number=1)
        path.unlink()
        log.note(number=2)

    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [2]


def test_who_has_a_file_open_that_another_process_moved_goes_on_in_the_new_one(
    tmp_path, monkeypatch
):
    path = tmp_path / "one.log"

    with closing(JsonLog(path)) as one, closing(JsonLog(path)) as other:
        one.note(number=1)
        other.note(number=2)
        monkeypatch.setattr(json_log, "LARGEST_BYTES", 1)
        with closing(JsonLog(path)) as third:
            third.note(number=3)
        other.note(number=4)

    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [3, 4]


def test_a_log_whose_folder_is_gone_stops_nobody(tmp_path):
    path = tmp_path / "logs" / "one.log"

    with closing(JsonLog(path)) as log:
        path.unlink()
        path.parent.rmdir()
        log.note(number=1)
        log.note(number=2)
        path.parent.mkdir()
        log.note(number=3)

    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [3]
