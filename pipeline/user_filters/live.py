"""Which filters are live, what they catch in a batch, and what they cost; one state per process.

A worker looks every few seconds which filters are live and says, in the same transaction, what they
cost since. A filter that fails is paused and says why; so is the dearest when all of them together
take more than their share of the workers' time.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from broker.db import cursor
from broker.db_arrays import BigInts, Doubles
from broker.filter_book import TOPIC_PREFIX
from broker.sections.user_filters import UserFilterSettings
from pipeline.user_filters import pauses
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.evaluate import mask
from pipeline.user_filters.stored import Rows, StoredBytesError, table
from pipeline.user_filters.tree import ExpressionError, Node

LEAST_RANGE_S = 5.0
"""Of ranges' time before their filters' share is judged [s]: one slow range proves nothing."""
LEAST_ALERTS = 20
"""Of a range that counts for it: when few alerts come, each costs more, and there is time."""

_LIVE = """
    SELECT f.id, f.name, f.survey, v.number, v.expression
    FROM user_filters AS f
    JOIN user_filter_versions AS v ON v.filter_id = f.id AND v.number = f.live_number
    LEFT JOIN filter_states AS s ON s.filter_id = f.id
    WHERE f.wish = 'live' AND f.topic_state = 'there'
        AND (s.paused_at IS NULL OR s.paused_at < f.started_at)
    ORDER BY f.id
"""
_COST = """
    INSERT INTO filter_states AS s (filter_id, evaluated, spent_s, last_match_at)
    SELECT u.id, u.evaluated, u.spent_s, CASE WHEN u.matched > 0 THEN now() END
    FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::bigint[])
        AS u (id, evaluated, spent_s, matched)
    ORDER BY u.id
    ON CONFLICT (filter_id) DO UPDATE SET evaluated = s.evaluated + EXCLUDED.evaluated,
        spent_s = s.spent_s + EXCLUDED.spent_s,
        last_match_at = coalesce(EXCLUDED.last_match_at, s.last_match_at)
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class LiveFilter:
    """One live filter, ready to run.

    Attributes
    ----------
    id, name, survey, version : int, str, str, int
        As in ``user_filters``; the version is the live one's number.
    tree : Node
        Its checked expression.
    reads : frozenset of str
        Columns that it needs.
    """

    id: int
    name: str
    survey: str
    version: int
    tree: Node
    reads: frozenset[str]

    @property
    def topic(self) -> str:
        """Return where its messages go."""
        return TOPIC_PREFIX + self.name


@dataclass(frozen=True)
class Caught:
    """What filters caught among some rows.

    Attributes
    ----------
    masks : list of (LiveFilter, bool[n])
        Of filters that caught something.
    any : bool[n]
        Caught by at least one.
    failed : dict of int to str
        Why, by filter.
    """

    masks: list[tuple[LiveFilter, NDArray[np.bool_]]]
    any: NDArray[np.bool_]
    failed: dict[int, str]


@dataclass
class Meter:
    """What filters cost in this process since it was last said."""

    spent_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    evaluated: Counter[int] = field(default_factory=Counter)
    matched: Counter[int] = field(default_factory=Counter)
    in_range_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    """As ``spent_s``, in the range at hand."""
    judged_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    """The same in the ranges that count for the share, since it was last judged."""
    range_s: float = 0.0
    """The whole time of these ranges."""

    def add(self, filter_id: int, spent_s: float, alerts: int, matched: int) -> None:
        """Charge a filter."""
        self.spent_s[filter_id] += spent_s
        self.in_range_s[filter_id] += spent_s
        self.evaluated[filter_id] += alerts
        self.matched[filter_id] += matched

    def end_range(self, alerts: int, took_s: float) -> None:
        """Count a range for the share, unless it is small."""
        if alerts >= LEAST_ALERTS:
            self.range_s += took_s
            for filter_id, spent_s in self.in_range_s.items():
                self.judged_s[filter_id] += spent_s
        self.in_range_s.clear()

    def clear_cost(self) -> None:
        """Forget what was said."""
        self.spent_s.clear()
        self.evaluated.clear()
        self.matched.clear()


def judge(filters: Sequence[LiveFilter], rows: Rows, meter: Meter) -> Caught:
    """Ask every filter of a survey about some rows; one that fails catches nothing.

    The columns are read once for all; their time is shared by the filters that need them.
    """
    began_s = time.perf_counter()
    wanted: frozenset[str] = frozenset().union(*(one.reads for one in filters))
    caught = Caught([], np.zeros(len(rows), bool), {})
    try:
        columns = table(rows, wanted)
    except StoredBytesError:
        log.exception("user_filters.unreadable", alerts=len(rows))  # no fault of any filter
        return caught
    shared_s = (time.perf_counter() - began_s) / max(len(filters), 1)
    for one in filters:
        began_s = time.perf_counter()
        try:
            found = mask(one.tree, columns)
        except Exception as error:
            # Whatever it is, it is this filter's alone.
            log.exception("user_filter.failed", filter=one.name, version=one.version)
            caught.failed[one.id] = f"version {one.version} fails on an alert: {error!r}"
            continue
        if found.any():
            caught.masks.append((one, found))
            np.logical_or(caught.any, found, out=caught.any)
        spent_s = time.perf_counter() - began_s + shared_s
        meter.add(one.id, spent_s, len(rows), int(np.count_nonzero(found)))
    return caught


class Watch:
    """The live filters as one process knows them, and their meter."""

    def __init__(self) -> None:
        self.meter = Meter()
        self._known: dict[tuple[int, int], LiveFilter | None] = {}
        self._live: tuple[LiveFilter, ...] = ()
        self._looked_s = -np.inf

    def filters(
        self, session: Session, survey: str, settings: UserFilterSettings
    ) -> tuple[LiveFilter, ...]:
        """Return the live filters of a survey, looked up now if that is due.

        What they cost is said in the same transaction.
        """
        if time.monotonic() - self._looked_s >= settings.refresh_s:
            self._say_cost(session)
            self._judge_share(session, settings)
            self._live = self._look(session)
            self._looked_s = time.monotonic()
        return tuple(one for one in self._live if one.survey == survey)

    def forget(self) -> None:
        """Look anew when asked next."""
        self._looked_s = -np.inf

    def _look(self, session: Session) -> tuple[LiveFilter, ...]:
        with cursor(session) as cur:
            cur.execute(_LIVE)
            rows = cur.fetchall()
        seen = {(row[0], row[3]): self._one(session, *row) for row in rows}
        self._known = seen
        return tuple(one for one in seen.values() if one is not None)

    def _one(
        self, session: Session, filter_id: int, name: str, survey: str, number: int, expression: str
    ) -> LiveFilter | None:
        if (filter_id, number) in self._known:
            return self._known[filter_id, number]
        try:
            tree = checked(expression, survey)
        except (ExpressionError, KeyError) as error:
            why = f"version {number} is no longer understood: {error}"
            pauses.pause(session, {filter_id: why}, pauses.ERROR)
            return None
        return LiveFilter(filter_id, name, survey, number, tree, reads(tree))

    def _say_cost(self, session: Session) -> None:
        ids = sorted(self.meter.evaluated)
        if not ids:
            return
        with cursor(session) as cur:
            cur.execute(
                _COST,
                (
                    BigInts.of(ids),
                    BigInts.of([self.meter.evaluated[i] for i in ids]),
                    Doubles.of([self.meter.spent_s[i] for i in ids]),
                    BigInts.of([self.meter.matched[i] for i in ids]),
                ),
            )
        self.meter.clear_cost()

    def _judge_share(self, session: Session, settings: UserFilterSettings) -> None:
        """Pause the dearest filter if all of them take more than their share."""
        meter = self.meter
        if meter.range_s < LEAST_RANGE_S:
            return
        share = sum(meter.judged_s.values()) / meter.range_s
        if share > settings.share_of_range:
            dearest, spent_s = max(meter.judged_s.items(), key=lambda item: item[1])
            why = (
                f"all live filters took {share:.0%} of the workers' time, more than the "
                f"{settings.share_of_range:.0%} that there is for them, and this one the most: "
                f"{spent_s / meter.range_s:.1%}"
            )
            pauses.pause(session, {dearest: why}, pauses.COST)
            log.warning("user_filter.too_dear", filter_id=dearest, share=round(share, 3))
        meter.judged_s.clear()
        meter.range_s = 0.0


watch = Watch()
"""This process's."""
