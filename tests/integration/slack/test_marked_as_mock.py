"""An event that somebody marks as a mock: what was told says so, the rest goes elsewhere."""

import pytest
from sqlalchemy import select

from pipeline.gw import orders
from pipeline.gw.tables import GwAlert
from tests.slack import GW, MOCK, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_it_leaves_the_channel_of_real_events_with_a_badge(told, take, work, session, standin):
    said = texts(standin, GW)
    assert not any("MOCK" in text for text in said)

    orders.mark_as_mock(session, told.trigger_id)
    session.commit()
    work()
    for number, alert_type in enumerate(("INITIAL", "UPDATE")):
        take(alert_type, minute=9 + number)
        work()

    assert len(texts(standin, GW)) == len(said)
    for ts in (told.thread_ts, told.message_ts):
        assert "MOCK" in standin.workspace.messages[GW, ts]["text"]
    rows = session.scalars(select(GwAlert).order_by(GwAlert.reception_count)).all()
    assert [row.channel for row in rows] == [GW, MOCK, MOCK]
    assert rows[1].thread_ts == rows[2].thread_ts != told.thread_ts
    cards = [text for text in texts(standin, MOCK) if "Alert N°" in text]
    assert [text.partition("N°")[2][0] for text in cards] == ["2", "3"]


@pytest.mark.parametrize("between", [(), ("INITIAL",)], ids=["at once", "after one in the mocks'"])
def test_its_retraction_reaches_those_who_were_told(
    told, take, work, session, standin, between: tuple[str, ...]
):
    orders.mark_as_mock(session, told.trigger_id)
    session.commit()
    for alert_type in between:
        take(alert_type, minute=8)
        work()
    take("RETRACTION", minute=9)
    work()

    place = MOCK if between else GW
    assert any(
        text.startswith("🟥 RETRACTED") and "no event" in text for text in texts(standin, place)
    )
    for ts in (told.thread_ts, told.message_ts):
        assert standin.workspace.messages[GW, ts]["text"].startswith("🟥 RETRACTED")
