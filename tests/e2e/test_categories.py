"""Category, gate and second-copy cases of the public rules, each carried by the whole system.

One system carries them all, at places of their own: first the other survey's alerts, then the
alerts that are judged, then, by a worker with other settings, those of the presets.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline import topics
from tests.e2e import system as systems
from tests.e2e.judged import ALL, CASES, OF_PRESETS, Judged
from tests.e2e.packets import (
    JD_UTC,
    LSPSC_HEADER,
    MAG,
    OTHER,
    Packet,
    by_candid,
    delivery_id,
    load_catalog,
    match,
    sender,
    wait_until_worked,
)
from tests.e2e.published import OUTPUTS, Published, ends

pytestmark = [pytest.mark.slow]

PRESETS = {"NIGHTJAR_ROUTE__PRESET": "boom", "NIGHTJAR_GATE__PRESET": "open"}


def cases(wanted: Callable[[Judged], bool]) -> pytest.MarkDecorator:
    chosen = [case for case in ALL if wanted(case)]
    return pytest.mark.parametrize("case", chosen, ids=[case.name for case in chosen])


@dataclass(frozen=True)
class Outcome:
    """What the system made of the cases."""

    published: list[Published]
    by_candid: dict[int, list[Published]]
    books: dict[str, Any]
    reasons: dict[int, str | None]
    """As stored with each alert."""
    selected: int
    """Messages on the filter's topic, which bear no survey and no candid."""

    def message(self, case: Judged) -> Published:
        """Return the message on the class topic."""
        (found,) = [
            one for one in self.by_candid[case.alert.candid] if one.topic != topics.NONE_TOPIC
        ]
        return found


@pytest.fixture(scope="module")
def outcome(one_system: AbstractContextManager[systems.System]) -> Outcome:
    """Carry every case through one system, and read what it published."""
    starts = ends(OUTPUTS)
    with one_system as system:
        send = sender(system)
        system.start_listeners("ztf")
        system.start_worker()
        load_catalogs(system, system.folder)
        system.start_listeners("lsst")
        books = carry(system, send)
        published = system.published(starts)
        reasons = dict(system.sql("SELECT candid, gate_reason FROM alerts"))
        selected = len(system.selected())
    return Outcome(published, by_candid(published), books, reasons, selected)


def load_catalogs(system: systems.System, folder: Path) -> None:
    rows = [row for case in ALL for row in case.rows]
    load_catalog(system, folder, "lspsc", LSPSC_HEADER, [(*row, at) for at, row in enumerate(rows)])
    places = [case.archival for case in ALL if case.archival]
    load_catalog(
        system, folder, "milliquas", "ra,dec,name", [(*at, f"Q{n}") for n, at in enumerate(places)]
    )


def carry(system: systems.System, send: Callable[[Iterable[Packet]], int]) -> dict[str, Any]:
    """Send what comes first, then the cases, then the cases of the presets; return the books."""
    sent = send(one for case in CASES for one in case.before)
    wait_until_worked(system, sent)
    sent += send(case.alert for case in CASES)
    wait_until_worked(system, sent)

    system.stop("worker")
    system.start_worker("worker-of-presets", **PRESETS)
    sent += send(case.alert for case in OF_PRESETS)
    return system.wait_until_accounted(sent)


@cases(lambda _: True)
def test_an_alert_reaches_exactly_the_topics_of_the_rules(outcome: Outcome, case: Judged):
    messages = outcome.by_candid.get(case.alert.candid, [])

    assert sorted(message.topic for message in messages) == sorted(case.topics)


@cases(lambda case: case in CASES and case.topics)
def test_a_message_names_the_other_surveys_object_or_none(outcome: Outcome, case: Judged):
    matches = outcome.message(case).alert["survey_matches"]

    assert matches[case.alert.survey] is None
    assert matches[OTHER[case.alert.survey]] == (case.partner and match(case.partner))


@cases(lambda case: case.topics and case.properties)
def test_a_message_bears_the_flags_of_its_surroundings(outcome: Outcome, case: Judged):
    properties = outcome.message(case).alert["properties"]

    assert {name: properties[name] for name in case.properties} == case.properties


@cases(lambda case: case.topics)
def test_a_message_bears_its_own_detection(outcome: Outcome, case: Judged):
    message = outcome.message(case)
    alert, sent = message.alert, case.alert
    candidate = alert["candidate"]
    expected = {"ra": sent.place[0], "dec": sent.place[1], "jd": JD_UTC, "isdiffpos": True}

    assert alert["candid"] == sent.candid
    assert message.key == alert["objectId"]
    assert message.headers["survey"] == sent.survey
    assert {name: candidate[name] for name in expected} == pytest.approx(expected, abs=1e-8)
    assert candidate["magpsf"] == pytest.approx(MAG[sent.survey], abs=1e-4)
    assert {name: candidate[name] for name in case.candidate} == pytest.approx(case.candidate)
    assert [point["jd"] for point in alert["prv_candidates"]] == pytest.approx([JD_UTC], abs=1e-8)


@cases(lambda case: case.reason or case.name.endswith(("-default", "-open")))
def test_an_alert_is_stored_with_the_gate_that_stopped_it(outcome: Outcome, case: Judged):
    assert outcome.reasons[case.alert.candid] == case.reason


def test_a_second_copy_is_the_same_message(outcome: Outcome):
    first = {one.headers["candid"]: one.value for one in class_messages(outcome)}
    copies = [one for one in outcome.published if one.topic == topics.NONE_TOPIC]

    assert {one.headers["survey"] for one in copies} == {"ztf", "lsst"}
    assert [one.value for one in copies] == [first[one.headers["candid"]] for one in copies]


def test_every_message_bears_the_id_of_its_survey_alert_and_topic(outcome: Outcome):
    ids = [message.headers["delivery_id"] for message in outcome.published]

    assert ids == [delivery_id(message) for message in outcome.published]
    assert len(set(ids)) == len(ids)


def test_the_messages_name_the_rules_that_sorted_them(outcome: Outcome):
    default = {outcome.message(case).headers["rule_version"] for case in CASES if case.topics}
    presets = {outcome.message(case).headers["rule_version"] for case in OF_PRESETS if case.topics}

    assert (default, presets) == ({"seed"}, {"boom"})


def test_the_books_agree_with_what_was_published(outcome: Outcome):
    per_topic: dict[str, int] = {}
    for message in outcome.published:
        per_topic[message.topic] = per_topic.get(message.topic, 0) + 1

    copies = systems.totals(outcome.books, "second_copies")
    (filtered,) = [topic for topic in copies if topic.startswith("lsst-extendedness-")]

    assert outcome.books["unaccounted"] == 0
    assert copies.pop(filtered) == outcome.selected > 0
    assert per_topic == systems.totals(outcome.books, "published") | copies


def class_messages(outcome: Outcome) -> list[Published]:
    return [one for one in outcome.published if one.topic != topics.NONE_TOPIC]
