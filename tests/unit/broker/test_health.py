import threading
import time

import pytest

from broker import health
from broker.health import Probe
from broker.health_parts import Finding


def fine(name):
    return (name, lambda: [Finding(name, "ok", "answers")])


def broken(name):
    def check():
        raise ConnectionRefusedError("postgresql://user:secret@10.0.0.1 refused")

    return (name, check)


def states(report):
    return {finding.name: finding.state for finding in report.findings}


def test_each_part_has_its_own_state():
    report = Probe([[fine("postgres"), fine("migrations")], [broken("redis")]]).report()

    assert states(report) == {"postgres": "ok", "migrations": "ok", "redis": "down"}
    assert report.state == "down"


def test_what_needs_a_part_that_is_down_is_unknown():
    report = Probe([[broken("postgres"), fine("migrations")], [fine("redis")]]).report()

    assert states(report) == {"postgres": "down", "migrations": "unknown", "redis": "ok"}


def test_a_check_that_tells_its_part_is_down_hides_what_needs_it():
    pending = ("migrations", lambda: [Finding("migrations", "down", "2 pending")])

    assert states(Probe([[pending, fine("listeners")]]).report())["listeners"] == "unknown"


def test_the_answer_quotes_no_error_and_no_address():
    report = Probe([[broken("postgres")]]).report()

    assert report.as_json()["parts"]["postgres"] == {
        "state": "down",
        "text": "does not answer (ConnectionRefusedError)",
    }


@pytest.mark.parametrize(
    ("found", "overall"),
    [
        (["ok", "off"], "ok"),
        (["ok", "warning"], "warning"),
        (["warning", "down"], "down"),
    ],
)
def test_the_worst_part_decides(found, overall):
    chains = [[(str(at), lambda s=s: [Finding("x", s, "")])] for at, s in enumerate(found)]

    assert Probe(chains).report().state == overall


def test_a_part_that_hangs_is_down_and_the_others_are_told():
    release = threading.Event()
    hanging = ("kafka", lambda: release.wait(30) and [])
    report = Probe([[hanging], [fine("redis")]], deadline_s=0.2).report()
    release.set()

    assert states(report) == {"kafka": "down", "redis": "ok"}


def test_an_answer_is_kept_for_a_moment():
    calls = []
    check = ("redis", lambda: calls.append(1) or [Finding("redis", "ok", "")])
    probe = Probe([[check]], keep_s=60)

    probe.report()
    probe.report()

    assert len(calls) == 1


def test_an_old_answer_is_not_given():
    calls = []
    check = ("redis", lambda: calls.append(1) or [Finding("redis", "ok", "")])
    probe = Probe([[check]], keep_s=0)

    probe.report()
    time.sleep(0.001)
    probe.report()

    assert len(calls) == 2


def test_while_a_part_is_waited_for_the_last_answer_is_given():
    hangs, goes_on = threading.Event(), threading.Event()

    def check():
        if hangs.is_set():
            goes_on.wait(30)
        return [Finding("redis", "ok", "")]

    probe = Probe([[("redis", check)]], deadline_s=30, keep_s=0, answer_s=0.05)
    before = probe.report()
    hangs.set()
    meanwhile = probe.report()
    goes_on.set()

    assert meanwhile is before


def test_a_last_answer_that_is_too_old_is_waited_for(monkeypatch):
    calls = []
    check = ("redis", lambda: calls.append(1) or time.sleep(0.2) or [Finding("redis", "ok", "")])
    probe = Probe([[check]], keep_s=0, answer_s=0.01)
    before = probe.report()
    monkeypatch.setattr(health, "STALE_S", 0.0)

    assert probe.report() is not before
    assert len(calls) == 2


@pytest.mark.parametrize(("state", "status"), [("ok", 200), ("warning", 200), ("down", 503)])
def test_the_page_answers_503_only_when_a_part_is_down(rf, monkeypatch, state, status):
    probe = Probe([[("redis", lambda: [Finding("redis", state, "")])]])
    monkeypatch.setattr(health, "_probe", lambda: probe)

    answer = health.page(rf.get("/health"))

    assert answer.status_code == status
    assert answer["Cache-Control"] == "no-store"


def test_the_page_cannot_be_posted_to(rf):
    assert health.page(rf.post("/health")).status_code == 405


@pytest.mark.parametrize(
    ("workers", "queues"),
    [
        (fine("workers"), None),
        (broken("workers"), None),
        (
            ("workers", lambda: [Finding("workers", "ok", "", {"queues": ["gw", "sinks.here"]})]),
            {"gw", "sinks.here"},
        ),
    ],
    ids=["not told", "not asked", "told"],
)
def test_queues_are_those_that_workers_told_of_and_unknown_where_none_did(
    monkeypatch, workers, queues
):
    probe = Probe([[workers]])
    monkeypatch.setattr(health, "_probe", lambda: probe)

    assert health.queues_served() == queues
