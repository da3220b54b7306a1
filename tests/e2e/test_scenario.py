"""An object appears in both surveys, day by day; and what packets sent again change: nothing."""

from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import system as systems
from tests.e2e.appearances import AROUND, DAYS, STEPS, VARIANTS, Step, place_of
from tests.e2e.packets import (
    LSPSC_HEADER,
    OTHER,
    Packet,
    away,
    by_candid,
    delivery_id,
    load_catalog,
    sender,
    wait_until_worked,
)
from tests.e2e.published import OUTPUTS, Published, consume, ends

pytestmark = [pytest.mark.slow]


@dataclass(frozen=True)
class Outcome:
    """What was published day by day, and after all packets came again."""

    published: list[Published]
    books: dict[str, Any]
    again: list[Published]
    books_again: dict[str, Any]


@pytest.fixture(scope="module")
def outcome(one_system: AbstractContextManager[systems.System]) -> Outcome:
    """Send every variant's alerts day by day, then all of them again."""
    with one_system as system:
        send = sender(system)
        system.start_listeners("ztf")
        system.start_worker()
        load_lspsc(system, system.folder)
        system.start_listeners("lsst")
        return carry(system, send)


def load_lspsc(system: systems.System, folder: Path) -> None:
    rows = [
        (*away(place_of(number, variant), row[0], 0.0), *row[1:], number)
        for number, variant in enumerate(VARIANTS)
        for row in AROUND[variant.around][1]
    ]
    load_catalog(system, folder, "lspsc", LSPSC_HEADER, rows)


def carry(system: systems.System, send: Callable[[Iterable[Packet]], int]) -> Outcome:
    starts = ends(OUTPUTS)
    sent = 0
    for day in range(len(DAYS)):
        sent += send(step.packet for step in STEPS if step.day == day)
        wait_until_worked(system, sent)
    books = system.wait_until_accounted(sent)
    published = own_messages(starts)

    # Twice more, once backwards: neighbours in one batch, other offsets, other partitions.
    packets = [step.packet for step in STEPS]
    sent += send([*packets, *reversed(packets)])
    books_again = system.wait_until_accounted(sent)
    return Outcome(published, books, own_messages(starts), books_again)


def own_messages(starts: dict[tuple[str, int], int]) -> list[Published]:
    """Return what was published of these alerts; the topics may be others' as well."""
    own = {str(step.packet.candid) for step in STEPS}
    messages = consume(OUTPUTS, starts)
    return [message for message in messages if message.headers["candid"] in own]


def as_counts(messages: list[Published]) -> Counter[tuple[str, str, bytes]]:
    return Counter((one.topic, one.headers["delivery_id"], one.value) for one in messages)


def each(chosen: list[Step]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("step", chosen, ids=[step.name for step in chosen])


@each(STEPS)
def test_each_day_reaches_its_topics(outcome: Outcome, step: Step):
    messages = by_candid(outcome.published)[step.packet.candid]

    assert sorted(message.topic for message in messages) == sorted(step.topics)


@each([step for step in STEPS if step.seen.topic])
def test_each_day_names_the_other_survey_with_its_light_curve_so_far(outcome: Outcome, step: Step):
    matches = by_candid(outcome.published)[step.packet.candid][0].alert["survey_matches"]

    assert matches == {step.seen.survey: None, OTHER[step.seen.survey]: step.match}


def test_packets_sent_again_are_counted_and_published_nowhere(outcome: Outcome):
    duplicates = [
        sum(night["duplicates"] for night in books["nights"])
        for books in (outcome.books, outcome.books_again)
    ]

    assert duplicates == [0, 2 * len(STEPS)]
    assert as_counts(outcome.again) == as_counts(outcome.published)
    assert outcome.books_again["unaccounted"] == 0
    assert systems.totals(outcome.books_again, "dead_letters") == {}


def test_packets_sent_again_leave_every_other_count_as_it_was(outcome: Outcome):
    kinds = ("published", "second_copies", "gated")
    before, after = (
        {kind: systems.totals(books, kind) for kind in kinds}
        for books in (outcome.books, outcome.books_again)
    )

    assert after == before
    assert before["gated"] == {"non_public": 3}


def test_every_message_bears_the_id_of_its_survey_alert_and_topic(outcome: Outcome):
    ids = [message.headers["delivery_id"] for message in outcome.published]

    assert ids == [delivery_id(message) for message in outcome.published]
    assert len(set(ids)) == len(ids) == sum(len(step.topics) for step in STEPS)


def test_lsst_is_not_listened_to_without_its_point_source_catalog(system: systems.System):
    system.start_listeners("lsst")
    ended = system.processes.pop("listen-lsst").wait(60)

    assert ended != 0
    assert "manage.py load_catalog lspsc PATH" in (system.logs / "listen-lsst.log").read_text()
    assert system.sql("SELECT count(*) FROM stream_partitions") == [(0,)]
