"""The summary on demand: printed, told to nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from sqlalchemy import insert

from accounts.models import OutboxMail
from pipeline.lasair.tables import StampRequest
from pipeline.watch import letter, summary
from tests.integration.selected.world import Consumer, packet, received

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("watched")]


def test_the_summary_is_printed_and_told_to_nobody(session, capsys):
    made = Consumer()
    made.work(received(packet(1)))

    call_command("morning")

    assert OutboxMail.objects.count() == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Nightjar, morning of ")


@pytest.mark.parametrize(
    ("state", "waiting", "missing"),
    [("wanted", 2, 0), ("running", 2, 0), ("failed", 0, 2), ("done", 0, 0)],
    ids=["rests", "is looked for", "was given up", "our packet has none"],
)
def test_an_image_is_missing_only_when_nobody_asks_for_it_any_more(
    session, state, waiting, missing
):
    now = datetime.now(UTC)
    images = {"science_state": "present", "template_state": "absent", "difference_state": "absent"}
    one = {
        "survey": "ztf",
        "object_id": "ZTF18abcdefg",
        "detected_at": now,
        "state": state,
        "host": "here",
    }
    session.execute(insert(StampRequest).values(**one, **images))
    session.commit()

    found = summary.summarise(now + timedelta(seconds=1), ()).images

    assert (found.present, found.waiting, found.missing) == (1, waiting, missing)


def test_what_came_before_the_summary_is_counted_in_one_morning_alone(session):
    first = datetime(2026, 11, 22, 6, tzinfo=UTC)
    made = Consumer(first - timedelta(hours=2))
    made.work(received(packet(1), packet(2)))
    made.now = first + timedelta(hours=9)
    made.work(received(packet(3), first=2))
    made.now = first + timedelta(hours=20)
    made.work(received(packet(4), first=3))

    mornings = [
        letter.of_summary(summary.summarise(first + timedelta(days=day), ()), "")
        for day in (0, 1, 2)
    ]

    counted = [said.title.partition(": ")[2].partition(" alerts")[0] for said in mornings]
    assert counted == ["2", "2", "0"]
    titles = [[part.title for part in said.parts if "selected" in part.title] for said in mornings]
    assert titles == [
        ["selected, 2026-11-22 so far"],
        ["selected, 2026-11-23 so far", "selected, 2026-11-22"],
        ["selected, 2026-11-23"],
    ]
