"""What a person reads of a replay before, while and after it runs."""

import io
from datetime import date

import pytest
from django.core.management import call_command

from broker.config import config
from broker.ranges.whereabouts import Stretch
from pipeline.alerts.replay_books import Books
from pipeline.alerts.replay_plan import Plan
from pipeline.management import replay_view
from pipeline.management.commands import replay as command
from pipeline.management.replay_view import Progressed, preview_lines, watch

NIGHTS = (date(2026, 8, 1), date(2026, 8, 2))


def progressed(done, *, state="running", error=None):
    counts = dict.fromkeys(replay_view.COUNTS, done)
    return Progressed(7, state, state != "running", done, 200, counts, error)


def text(publish, *, stored=0, repeated=0, buried=0, messages=0, unsent=0, **known):
    books = Books(stored, repeated, buried, 0, messages, unsent, None, stored + repeated + buried)
    values = {"stretches": [], "archived": {}, "forgotten": 0, "elsewhere": 0}
    return "\n".join(
        preview_lines(Plan(**values | known | {"books": books}), "ztf", NIGHTS, "auto", publish)
    )


def test_all_is_said_loudly_and_the_others_say_what_they_send():
    assert "PUBLISHES EVERYTHING AGAIN: 1,234 messages" in text("all", messages=1234)
    assert "with the same delivery ids" in text("all", messages=1234)
    assert "publishes 5 messages that were never sent" in text("new", messages=1234, unsent=5)
    assert "publishes nothing" in text("none", messages=1234, unsent=5)


def test_both_meanings_of_a_night_are_told():
    said = text("none")

    assert "nights 2026-08-01 to 2026-08-02 (of the Kafka timestamps" in said
    assert "the ledger's nights are by jd" in said


def test_what_was_left_out_is_told():
    said = text("none", elsewhere=3, unread=["ztf_a[0]"], forgotten=12)

    assert "3 archive segments lie on other machines and were not counted" in said
    assert "no listener has finished anything of them: ztf_a[0]" in said
    assert "Kafka has forgotten 12 packets that the archive has: read there" in said


def test_a_list_of_topics_is_named_in_part_and_a_short_time_in_seconds():
    stretches = [Stretch((f"ztf_{n}", 0), 1, "kafka", 0, 99) for n in range(6)]

    said = text("none", stretches=stretches, alerts_per_s=100.0)

    assert "600 offsets in 6 partitions of ztf_0, ztf_1, ztf_2, ztf_3 and 2 more" in said
    processes = config().ranges.worker_processes
    assert f"about {round(6 / processes)} s of {processes} worker processes" in said


@pytest.fixture
def looks(monkeypatch):
    """Let a replay come on with every look, and no second pass."""
    found = [progressed(0), progressed(120), progressed(200, state="done")]
    monkeypatch.setattr(replay_view, "look", lambda _: found.pop(0) if len(found) > 1 else found[0])
    monkeypatch.setattr(replay_view.time, "sleep", lambda _: None)
    return found


def test_without_a_terminal_lines_tell_how_far_it_is(looks, monkeypatch):
    monkeypatch.setattr(replay_view, "TELL_EVERY_S", 0.0)
    told = []

    end = watch(7, told.append)

    assert told == [
        "replay 7: running, 0 of 200 (0 %)",
        "replay 7: running, 120 of 200 (60 %)",
    ]
    assert end.summary().startswith("replay 7: done, 200 of 200 (100 %)\n  read 200, stored 200")


def test_ctrl_c_leaves_the_replay_running_and_says_how_to_look_again(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "watch", interrupted)
    said = io.StringIO()

    call_command("replay", show=7, stdout=said)

    assert "Replay 7 goes on" in said.getvalue()
    assert "manage.py replay --list" in said.getvalue()
    assert "manage.py replay --cancel ID" in said.getvalue()


def test_a_replay_that_did_not_come_to_its_end_is_no_success(monkeypatch):
    failed = progressed(120, state="failed", error="the topic was made anew")
    monkeypatch.setattr(command, "watch", lambda *_: failed)
    said = io.StringIO()

    with pytest.raises(SystemExit, match="1"):
        call_command("replay", show=7, stdout=said)

    assert "replay 7: failed, 120 of 200 (60 %) · the topic was made anew" in said.getvalue()
