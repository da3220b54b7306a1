"""The step that tells a burst's thread what Swift's page says of it, some minutes after."""

from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from pipeline.clients.swift import SwiftPages, page_path
from pipeline.gw import swift_page
from pipeline.gw.deliver import Address, post
from pipeline.gw.grb_cards import analysis_card
from pipeline.gw.grb_tables import GrbAlert
from pipeline.gw.steps import Done, Outcome, Skip, Step, Wait
from pipeline.gw.swift_page import BatAnalysis

FIRST_LOOK_S = 180.0
"""After the thread was opened: the analysis takes that long."""
LOOKS = 4
"""The first, and three more."""


def tell_t90(step: Step) -> Outcome:
    """Look at the page and tell of it; where it says nothing after the last look, nobody is told.

    Raises
    ------
    TransientError
        While there is nothing yet: the next look is due later.
    """
    settings = config().swift
    with transaction() as session:
        row = session.get(GrbAlert, step.id_grb)
    if row is None or row.thread_ts is None or row.channel is None or not settings.url:
        return Skip("no thread, or swift.url is not set")
    young_s = FIRST_LOOK_S - (datetime.now(UTC).timestamp() - float(row.thread_ts))
    if young_s > 0:
        return Wait(young_s, "Swift's analysis is not made yet")
    found = _look(row.trigger_id)
    if found.is_empty:
        if step.attempts < LOOKS:
            raise TransientError("Swift's page says nothing yet")
        return Skip("Swift's page says nothing of it")
    url = f"{settings.url.rstrip('/')}/{page_path(row.trigger_id)}"
    place = Address(row.channel, "GRB", f"t90:{row.id_grb}", row.thread_ts, id_grb=row.id_grb)
    post(place, analysis_card(row.grb_name, found, url))

    def record(session: Session) -> None:
        mine = update(GrbAlert).where(GrbAlert.id_grb == row.id_grb)
        session.execute(mine.values(t90=asdict(found)))

    return Done(record)


def _look(trigger_id: str) -> BatAnalysis:
    with SwiftPages.from_settings(config().swift) as pages:
        page = pages.bat_page(trigger_id)
    return BatAnalysis() if page is None else swift_page.read(page)
