"""The packets of an invented night, in order of time, each with the truth about it."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from pipeline.simulate import ids, lsst, spoil, ztf
from pipeline.simulate.catalogs import Columns, archival_rows, lspsc_rows
from pipeline.simulate.curves import HISTORY_DAYS, Epoch
from pipeline.simulate.expect import Expectation, expectations
from pipeline.simulate.histories import history
from pipeline.simulate.images import Trio, render
from pipeline.simulate.plan import Request, Source, Visit, make_plan
from pipeline.simulate.scenes import FWHM_PX, neighbours_of, scene
from pipeline.simulate.times import unix_ms
from pipeline.simulate.truth import SimulatedPacket, Truth

DEFAULT_START = date(2026, 8, 1)
LSST_TOPIC = "lsst-alerts-v11"
PROCESSING_MS = 600_000
"""From the exposure to the packet's Kafka timestamp."""

_DUPLICATE_DELAY = 40
_FAR_ASTEROID_EVERY = 20


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

    def truths(self) -> Iterator[Truth]:
        """Yield the truth table without making the packets."""
        for number, event in enumerate(self._events()):
            yield self._truth(number, event)

    def catalogs(self, background: int = 2000) -> dict[str, Columns]:
        """Return the catalogs consistent with the plan, by name.

        Parameters
        ----------
        background : int
            Rows that belong to no source; all at least 45″ from every source.
        """
        return {
            "lspsc": lspsc_rows(self.request.seed, self.plan, background),
            "gaia": archival_rows(self.request.seed, self.plan),
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
        epoch, earlier = self._epochs(visit)
        make = self._ztf_record if visit.survey == "ztf" else self._lsst_record
        record = make(visit, epoch, earlier, event.at)
        if event.spoiled is not None:
            return spoil.spoiled(visit.survey, event.spoiled, record)
        if visit.survey == "ztf":
            return ztf.packet(record)
        return lsst.packet(record, self._schema_id(event.at))

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

    def _images(self, visit: Visit, epoch: Epoch, fwhm_px: float, at: int) -> Trio:
        view = scene(visit.source, visit.survey, epoch, fwhm_px, at)
        return render(view, np.random.default_rng([self.request.seed, 3, at]))

    def _ztf_record(
        self, visit: Visit, epoch: Epoch, earlier: list[Epoch], at: int
    ) -> ztf.Record:
        source = visit.source
        draw = np.random.default_rng([self.request.seed, 4, at])
        fwhm_px = _seeing(draw, "ztf")
        is_low = source.category == "low_drb"
        alert = ztf.Alert(
            object_id=str(source.object_ids["ztf"]),
            epoch=epoch,
            history=earlier,
            neighbours=neighbours_of(source, epoch),
            rcid=ids.readout_channel(source.number),
            field=source.field_number,
            programid=source.programid,
            drb=float(draw.uniform(0.01, 0.18) if is_low else draw.uniform(0.6, 1.0)),
            rb=float(draw.uniform(0.1, 0.5) if is_low else draw.uniform(0.6, 0.95)),
            asteroid=_asteroid(source, epoch, draw),
            fwhm_px=fwhm_px,
        )
        return ztf.record(alert, self._images(visit, epoch, fwhm_px, at))

    def _lsst_record(
        self, visit: Visit, epoch: Epoch, earlier: list[Epoch], at: int
    ) -> lsst.Record:
        source = visit.source
        draw = np.random.default_rng([self.request.seed, 4, at])
        fwhm_px = _seeing(draw, "lsst")
        is_rock = source.category == "rock"
        object_id = source.object_ids["lsst"]
        alert = lsst.Alert(
            epoch=epoch,
            history=earlier,
            dia_object_id=0 if is_rock or object_id is None else int(object_id),
            designation=self.plan.ids.designation(source.number) if is_rock else None,
            detector=ids.detector(source.number),
            reliability=_reliability(source, draw),
            extendedness=float(draw.uniform(0.0, 0.3)),
            has_pixel_flags=source.category == "pixel_flags",
            has_flux=source.category != "no_flux",
            static_flux_njy=_static_flux_njy(source),
            fwhm_px=fwhm_px,
        )
        return lsst.record(alert, self._images(visit, epoch, fwhm_px, at))


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
    request = Request(seed, ztf, lsst, nights, start, bad, duplicates)
    return Sky(request, lsst_topic, lsst_schemas)


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


def _seeing(draw: np.random.Generator, survey: str) -> float:
    """Return the seeing [pixel] in steps, so that profiles are computed once."""
    low, high = FWHM_PX[survey]
    return round(low + (high - low) * float(draw.beta(2, 4)), 1)


def _asteroid(source: Source, epoch: Epoch, draw: np.random.Generator) -> ztf.Asteroid | None:
    if source.category == "rock":
        return ztf.Asteroid(float(draw.uniform(0.1, 9.0)), epoch.abmag, str(20_000 + source.number))
    if source.number % _FAR_ASTEROID_EVERY == 0:
        # Near enough to be named, too far to be the alert.
        return ztf.Asteroid(float(draw.uniform(14, 29)), 18.5, str(20_000 + source.number))
    return None


def _reliability(source: Source, draw: np.random.Generator) -> float | None:
    if source.category != "low_reliability":
        return float(draw.uniform(0.55, 1.0))
    return None if source.number % 3 == 0 else float(draw.uniform(0.02, 0.3))


def _static_flux_njy(source: Source) -> float:
    """Return the light that is always there within an arcsecond [nJy]."""
    return float(
        sum(
            10 ** (-0.4 * (star.r_abmag - 31.4))
            for star in source.neighbours
            if np.hypot(star.east_arcsec, star.north_arcsec) < 1
        )
    )
