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
