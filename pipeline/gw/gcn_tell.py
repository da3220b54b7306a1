"""The step that tells an event's thread of a circular about it."""

from urllib.parse import quote

from broker.db import transaction
from pipeline.gw import blocks
from pipeline.gw.blocks import Message
from pipeline.gw.deliver import Address, post
from pipeline.gw.grb_tables import GcnNotice
from pipeline.gw.steps import Done, Outcome, Skip, Step
from pipeline.gw.tables import GwAlert

CIRCULAR_URL = "https://gcn.nasa.gov/circulars/{id}"
LONGEST_SUBJECT = 500


def tell_circular(step: Step) -> Outcome:
    """Post a circular's subject and link into the thread; the key is its row's id."""
    with transaction() as session:
        alert = session.get(GwAlert, step.id_gw)
        circular = session.get(GcnNotice, int(step.key))
    if alert is None or alert.thread_ts is None or alert.channel is None:
        return Skip("the event has no thread")
    if circular is None:
        return Skip("the circular is gone")
    place = Address(alert.channel, "circular", step.key, alert.thread_ts, id_gw=alert.id_gw)
    post(place, circular_message(circular.name, circular.notice_id))
    return Done()


def circular_message(subject: str | None, circular_id: str | None) -> Message:
    """Return what is said of a circular; its text stands at GCN."""
    shown = subject or "without a subject"
    number = circular_id or "?"
    link = blocks.link(CIRCULAR_URL.format(id=quote(number, safe="")), f"GCN circular {number}")
    return blocks.message(
        f"📄 GCN circular {number}: {shown}",
        blocks.section([f"📄 {link}: {blocks.escape(shown, LONGEST_SUBJECT)}"]),
    )
