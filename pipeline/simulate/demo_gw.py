"""The demo's gravitational waves: a merger that is planned, an event that is taken back."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from broker.db import transaction
from broker.errors import TransientError
from pipeline.gw import planner, query
from pipeline.gw.life import PLAN
from pipeline.gw.tables import OPEN_STEP_STATES, GwStep
from pipeline.simulate import gw, gw_feed
from pipeline.simulate.catalogs import Columns
from pipeline.simulate.galaxies import galaxy_rows
from pipeline.simulate.patience import patiently

GAP = timedelta(seconds=20)
"""Between the notices of an event: long enough to see the first one's plans begin."""
LATER = timedelta(seconds=5)
"""The event that is taken back begins so long after the other."""
NOTICES = 4
"""Of both events."""
POLL_S = 1.0
GALAXIES = 3000
GALAXIES_RADIUS_DEG = 5.0
"""Beyond the 90 % region of either notice."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Look:
    """What has become of the events.

    Attributes
    ----------
    notices : int
        Stored.
    open_steps, waiting_plans : int
        Still to be done; those of them that wait for gwemopt.
    failed : sequence of str
        Steps that have failed, each with its reason.
    plans : dict of str to int
        By state.
    """

    notices: int
    open_steps: int
    waiting_plans: int
    failed: Sequence[str]
    plans: dict[str, int]

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is on its way but what waits for gwemopt."""
        return self.notices >= NOTICES and self.open_steps <= self.waiting_plans

    def __str__(self) -> str:
        plans = ", ".join(f"{count} {state}" for state, count in sorted(self.plans.items()))
        waits = f", {self.waiting_plans} of them for gwemopt" if self.waiting_plans else ""
        return (
            f"Gravitational waves: {self.notices} of {NOTICES} notices, "
            f"{self.open_steps} steps to be done{waits}; plans: {plans or 'none yet'}"
        )


@dataclass
class Story:
    """Sends the notices of both events, each event in a thread of its own.

    Attributes
    ----------
    merger, retracted : MockEvent
        T0 lies a minute back, when their first notices are made.
    """

    merger: gw.MockEvent
    retracted: gw.MockEvent
    _stop: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def now(cls) -> "Story":
        """Return the story of two events that happen now."""
        happened = datetime.now(UTC) - gw.FIRST_AFTER
        return cls(
            gw.MockEvent.opposite_the_sun(happened),
            gw.MockEvent.opposite_the_sun(happened + LATER),
        )

    def galaxies(self, seed: int) -> Columns:
        """Return galaxies around the merger, some of which its plans point at."""
        centre_deg = (self.merger.ra_deg, self.merger.dec_deg)
        distance_mpc = self.merger.distance_mpc
        return galaxy_rows(seed, centre_deg, GALAXIES_RADIUS_DEG, distance_mpc, GALAXIES)

    def start(self) -> None:
        """Begin to send."""
        for event, notices, delay in (
            (self.merger, gw.merger(self.merger, GAP), timedelta()),
            (self.retracted, gw.retracted(self.retracted, GAP), LATER),
        ):
            args = (event, notices, delay)
            threading.Thread(target=self._run, args=args, name="demo-gw", daemon=True).start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def look(self) -> Look:
        """Return what has become of both events."""
        with transaction() as session:
            found = [
                event
                for mock in (self.merger, self.retracted)
                if (event := query.find_event(session, mock.superevent_id))
            ]
            ids = [notice.id_gw for event in found for notice in event.notices]
            steps, _ = query.work_of(session, ids)
        plans = [plan for event in found for group in event.plans.values() for plan in group]
        open_steps = [step for step in steps if step.state in OPEN_STEP_STATES]
        can_plan = planner.is_here()
        states = [plan.state for plan in plans]
        return Look(
            notices=len(ids),
            open_steps=len(open_steps),
            waiting_plans=0 if can_plan else sum(step.step == PLAN for step in open_steps),
            failed=[_told(step) for step in steps if step.state == "failed"],
            plans={state: states.count(state) for state in {*states}},
        )

    def _run(self, event: gw.MockEvent, notices: Sequence[gw.Notice], delay: timedelta) -> None:
        """Send each notice some time after the one before was stored: listeners may start late."""
        for number, notice in enumerate(notices):
            while patiently(lambda: self._stored(event)) < number and not self._stop.wait(POLL_S):
                pass
            if self._stop.wait((GAP if number else delay).total_seconds()):
                return
            try:
                for _ in gw_feed.send(event, [notice._replace(after=timedelta())]):
                    pass
            except TransientError as error:
                log.warning("demo.notice_refused", error=str(error))

    @staticmethod
    def _stored(event: gw.MockEvent) -> int:
        with transaction() as session:
            found = query.find_event(session, event.superevent_id)
        return len(found.notices) if found else 0


def _told(step: GwStep) -> str:
    return f"{step.step} {step.key}: {step.last_error}".replace(" :", ":")
