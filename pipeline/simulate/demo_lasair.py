"""The demo's filters of Lasair: three topics, one of which sends garbage, and what came of them."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy import func, select

from broker.config import Config
from broker.db import transaction
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from pipeline.lasair.tables import IMAGE_KINDS, LasairAlert, StampRequest
from pipeline.simulate import lasair, lasair_feed
from pipeline.simulate.patience import patiently
from pipeline.topics import LASAIR

GAP_S = 0.5
"""Between two messages of a filter: long enough to see them come."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Look:
    """What has come of the filters.

    Attributes
    ----------
    expected : int
        Messages of each filter; 0: the demo's filters are not read here.
    alerts, letters : int
        Stored and buried since the demo began.
    unwritten : int
        Alerts without a line in a file.
    images : Counter of str
        By state, of all demos so far.
    """

    expected: int
    alerts: int
    letters: int
    unwritten: int
    images: Counter[str]

    @property
    def is_settled(self) -> bool:
        """Tell whether every message was stored or buried, and every alert written."""
        is_taken = self.alerts >= 2 * self.expected and self.letters >= self.expected
        return not self.expected or (is_taken and not self.unwritten)

    def __str__(self) -> str:
        if not self.expected:
            return "Lasair: filters of your own are read; the demo sends none"
        images = ", ".join(f"{count} {state}" for state, count in sorted(self.images.items()))
        return (
            f"Lasair: {self.alerts} alerts of two filters, {self.letters} pieces of garbage of a"
            f" third; images: {images or 'none yet'}"
        )


class Filters:
    """Sends the messages of all three, once, in a thread of its own.

    Parameters
    ----------
    settings : Config
        Which say whether the demo's filters are those that are read.
    """

    def __init__(self, settings: Config) -> None:
        names = tuple(topic.name for topic in settings.lasair.own_topics)
        self.expected = lasair.OBJECTS if names == lasair.TOPICS else 0
        self._before = (0, 0)

    def start(self) -> Look:
        """Begin to send; return what there is now."""
        before = patiently(self.look)
        self._before = (before.alerts, before.letters)
        if self.expected:
            threading.Thread(target=self._run, name="demo-lasair", daemon=True).start()
        return patiently(self.look)

    def look(self) -> Look:
        """Return what has come of them."""
        states = [getattr(StampRequest, f"{kind}_state") for kind in IMAGE_KINDS]
        images: Counter[str] = Counter()
        with transaction() as session:
            alerts, written = session.execute(
                select(func.count(), func.count(LasairAlert.line_seq)).select_from(LasairAlert)
            ).one()
            letters = session.scalar(select(func.count()).where(DeadLetter.stream == LASAIR)) or 0
            for state in states:
                for name, count in session.execute(select(state, func.count()).group_by(state)):
                    images[name] += count
        before_alerts, before_letters = self._before
        return Look(
            self.expected,
            alerts - before_alerts,
            letters - before_letters,
            alerts - written,
            images,
        )

    def _run(self) -> None:
        try:
            for sent in lasair_feed.send(lasair.night(datetime.now(UTC), self.expected)):
                if sent.topic == lasair.GARBAGE:
                    time.sleep(GAP_S)
        except TransientError as error:
            log.warning("demo.filter_refused", error=str(error))
