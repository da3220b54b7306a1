"""What the demo says of Lasair's filters, and when it is satisfied."""

import pytest

from broker.config import build
from pipeline.lasair import stamps
from pipeline.lasair.day_files import Place, write_waiting
from pipeline.simulate import demo_others, lasair
from pipeline.simulate.demo_lasair import Filters
from tests.lasair import alert, batch, reception

pytestmark = pytest.mark.integration


def test_where_filters_of_ones_own_are_read_nothing_is_sent(session, root):
    filters = Filters(build())

    look = filters.look()

    assert filters.expected == 0
    assert look.is_settled
    assert "filters of your own" in str(look)


def test_it_is_satisfied_when_every_message_was_taken_and_every_alert_written(
    session, root, monkeypatch
):
    monkeypatch.setattr(stamps, "enqueue", lambda *_: None)
    topics = [{"name": name, "survey": lasair.SURVEYS[name]} for name in lasair.TOPICS]
    settings = {"topics": topics, "ztf_servers": "", "lsst_servers": ""}
    filters = Filters(build(toml={"lasair": settings}))
    assert filters.expected == lasair.OBJECTS
    assert not filters.look().is_settled
    taker = reception()
    taker.take(batch(*(alert(f"ZTF18aaaaa{n:02}") for n in range(2 * lasair.OBJECTS))))
    taker.take(batch(*(lasair.OBJECTS * [b"garbage"]), start=100))
    taker.close()
    assert not filters.look().is_settled
    source, *_ = demo_others.look()
    assert source == ("lasair", 60, 40, 0, 0, 20)

    write_waiting(Place.ours())

    assert filters.look().is_settled
    assert str(filters.look()) == (
        "Lasair: 40 alerts of two filters, 20 pieces of garbage of a third; images: 120 wanted"
    )
