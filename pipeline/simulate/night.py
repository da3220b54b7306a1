"""The packets of an invented night, in order of time, each with the truth about it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from fastavro.repository.base import SchemaRepositoryError

from pipeline.simulate import lsst, spoil, ztf
from pipeline.simulate.alerts import lsst_record, ztf_record
from pipeline.simulate.catalogs import Columns, archival_rows, lspsc_rows
from pipeline.simulate.curves import HISTORY_DAYS, Epoch
from pipeline.simulate.expect import Expectation, expectations
from pipeline.simulate.histories import history
from pipeline.simulate.plan import Request, Visit, make_plan
from pipeline.simulate.times import unix_ms
from pipeline.simulate.truth import SimulatedPacket, Truth
from pipeline.simulate.ztf_rows import Record

DEFAULT_START = date(2026, 8, 1)
LSST_TOPIC = "lsst-alerts-v11"
PROCESSING_MS = 600_000
"""From the exposure to the packet's Kafka timestamp."""

_DUPLICATE_DELAY = 40


class _Event(NamedTuple):
    """One packet to write: the ``at``-th visit as it is, again, or spoiled."""

    order: float
    at: int
    is_duplicate: bool = False
    spoiled: str | None = None


class Sky:
    """Everything that one seed decides: sources, packets, truth and catalogs.

    Parameters
    ----------
    request : Request
        What to simulate.
    lsst_topic : str
        Where LSST packets go.
    lsst_schemas : tuple of int
        Schema ids, taken in turn.
    """

    def __init__(
        self,
        request: Request,
        lsst_topic: str = LSST_TOPIC,
        lsst_schemas: tuple[int, ...] = (lsst.SCHEMA_ID,),
    ) -> None:
        self.request = request
        self.plan = make_plan(request)
        self._lsst_topic = lsst_topic
        self._lsst_schemas = lsst_schemas
        self._expected = expectations(self.plan.visits)
        self._of_source: defaultdict[tuple[int, str], list[Visit]] = defaultdict(list)
        for visit in self.plan.visits:
            self._of_source[visit.source.number, visit.survey].append(visit)
        self._history = lru_cache(maxsize=2048)(self._make_history)

    def packets(self) -> Iterator[SimulatedPacket]:
        """Yield every packet in order of time."""
        for number, event in enumerate(self._events()):
            truth = self._truth(number, event)
            yield SimulatedPacket(
                survey=truth.survey,
                topic=truth.input_topic,
                key=None,  # neither survey sets one
                value=self._value(event),
                timestamp_ms=unix_ms(self.plan.visits[event.at].jd_utc) + PROCESSING_MS,
                truth=truth,
            )

    def topics(self) -> set[str]:
        """Return every topic that the packets go to."""
        return {self._topic(visit) for visit in self.plan.visits}

    def truths(self) -> Iterator[Truth]:
        """Yield the truth table without making the packets."""
        for number, event in enumerate(self._events()):
            yield self._truth(number, event)

    def catalogs(self, background: int = 2000) -> dict[str, Columns]:
        """Return the catalogs consistent with the plan, by the name that ``load_catalog`` takes.

        Parameters
        ----------
        background : int
            Rows that belong to no source; all at least 45″ from every source.
        """
        return {
            "lspsc": lspsc_rows(self.request.seed, self.plan, background),
            "gaia_dr3": archival_rows(self.request.seed, self.plan),
        }

    def _events(self) -> list[_Event]:
        rng = np.random.default_rng([self.request.seed, 2])
        events = [_Event(float(at), at) for at in range(len(self.plan.visits))]
        for survey in ("ztf", "lsst"):
            mine = [at for at, visit in enumerate(self.plan.visits) if visit.survey == survey]
            _, duplicates, bad = self.request.split(survey)
            for at in rng.choice(mine, duplicates).tolist() if mine else ():
                later = at + rng.uniform(0.1, _DUPLICATE_DELAY)
                events.append(_Event(later, at, is_duplicate=True))
            kinds = spoil.KINDS[survey]
            for n, at in enumerate(rng.choice(mine, bad).tolist() if mine else ()):
                events.append(_Event(at + 0.5, at, spoiled=kinds[n % len(kinds)]))
        return sorted(events, key=lambda event: event.order)

    def _value(self, event: _Event) -> bytes:
        visit = self.plan.visits[event.at]
        record = self._record(visit, event.at)
        if event.spoiled is not None:
            return spoil.spoiled(visit.survey, event.spoiled, record)
        if visit.survey == "ztf":
            return ztf.packet(record)
        return lsst.packet(record, self._schema_id(event.at))

    def _record(self, visit: Visit, at: int) -> Record:
        epoch, earlier = self._epochs(visit)
        if visit.survey == "ztf":
            return ztf_record(self.request.seed, visit, epoch, earlier, at)
        number = visit.source.number
        is_rock = visit.source.category == "rock"
        designation = self.plan.ids.designation(number) if is_rock else None
        return lsst_record(self.request.seed, visit, epoch, earlier, at, designation)

    def _schema_id(self, at: int) -> int:
        return self._lsst_schemas[at % len(self._lsst_schemas)]

    def _truth(self, number: int, event: _Event) -> Truth:
        visit = self.plan.visits[event.at]
        if event.spoiled is not None:
            return _bad_truth(number, self._topic(visit), visit, event.spoiled)
        epoch, _ = self._epochs(visit)
        expected = self._expected[event.at]
        truth = _good_truth(number, self._topic(visit), visit, epoch, expected)
        if event.is_duplicate:
            return replace(
                truth,
                is_duplicate=True,
                expected_topic=None,
                expected_none=False,
                other_topic=None,
                other_none=False,
            )
        return truth

    def _topic(self, visit: Visit) -> str:
        if visit.survey == "lsst":
            return self._lsst_topic
        return ztf.topic(visit.jd_utc, visit.source.programid)

    def _make_history(self, number: int, survey: str) -> list[Epoch]:
        return history(self.request.seed, self.plan.ids, self._of_source[number, survey])

    def _epochs(self, visit: Visit) -> tuple[Epoch, list[Epoch]]:
        """Return the visit's own epoch and those of the month before it."""
        epochs = self._history(visit.source.number, visit.survey)
        own = next(epoch for epoch in epochs if epoch.alert_id == visit.alert_id)
        begin = own.jd_utc - HISTORY_DAYS
        return own, [epoch for epoch in epochs if begin <= epoch.jd_utc < own.jd_utc]


def sky(
    seed: int,
    *,
    ztf: int = 300,
    lsst: int = 300,
    nights: int = 1,
    start: date = DEFAULT_START,
    bad: float = 0.0,
    duplicates: float = 0.01,
    lsst_topic: str = LSST_TOPIC,
    lsst_schemas: tuple[int, ...] = (1101,),
) -> Sky:
    """Return the sky of ``seed``.

    Parameters
    ----------
    seed : int
        Same seed and same numbers: same bytes.
    ztf, lsst : int
        Packets of each survey in all nights together, duplicates and bad ones included.
    nights : int
        From ``start`` on; from 7 on, pairs follow the seed's days 1, 3, 5 and 7.
    start : date
        Local starting date of the first night.
    bad, duplicates : float
        Shares of packets that cannot be read, and that come twice.
    lsst_topic : str
        Where LSST packets go.
    lsst_schemas : tuple of int
        Schema ids of LSST packets, taken in turn.
    """
    if nights < 1 or min(ztf, lsst) < 0 or not 0 <= bad + duplicates < 1:
        raise ValueError("nights >= 1, ztf and lsst >= 0, bad + duplicates in [0, 1) are needed")
    _require_schemas(lsst_schemas)
    request = Request(seed, ztf, lsst, nights, start, bad, duplicates)
    return Sky(request, lsst_topic, lsst_schemas)


def _require_schemas(schema_ids: tuple[int, ...]) -> None:
    for schema_id in schema_ids:
        try:
            lsst.schema(schema_id)
        except (OSError, SchemaRepositoryError):
            raise ValueError(
                f"no LSST schema has the id {schema_id}; the simulator knows 1101 and 1000"
            ) from None


def _good_truth(
    number: int, topic: str, visit: Visit, epoch: Epoch, expected: Expectation
) -> Truth:
    return Truth(
        number=number,
        input_topic=topic,
        survey=visit.survey,
        alert_id=visit.alert_id,
        object_id=visit.source.object_ids[visit.survey],
        category=visit.source.category,
        surroundings=visit.source.surroundings.name,
        jd_utc=epoch.jd_utc,
        ra_deg=epoch.ra_deg,
        dec_deg=epoch.dec_deg,
        band=epoch.band,
        expected_class=expected.alert_class,
        expected_gate=expected.gate,
        expected_topic=expected.topic,
        expected_none=expected.is_none,
        other_topic=expected.other_topic,
        other_none=expected.other_is_none,
    )


def _bad_truth(number: int, topic: str, visit: Visit, kind: str) -> Truth:
    return Truth(
        number=number,
        input_topic=topic,
        survey=visit.survey,
        alert_id=0,
        object_id=None,
        category="bad",
        surroundings=visit.source.surroundings.name,
        jd_utc=visit.jd_utc,
        ra_deg=visit.source.ra_deg,
        dec_deg=visit.source.dec_deg,
        band=visit.band,
        expected_class=None,
        is_bad=True,
        bad_reason=kind,
    )
