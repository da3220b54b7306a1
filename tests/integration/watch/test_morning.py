"""The summary on demand: printed, told to nobody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from sqlalchemy import insert

from accounts.models import OutboxMail
from pipeline.lasair.tables import StampRequest
from pipeline.watch import summary
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
