"""The plan of a run: which sources exist, when each survey sees them, what must become of it."""

from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import NamedTuple

import numpy as np

from pipeline.simulate import ids
from pipeline.simulate.curves import Curve
from pipeline.simulate.placing import Field, Placing, Region, offset_deg
from pipeline.simulate.recipes import APPEARANCE, CATEGORIES, PAIRS, Category, PairKind, shares
from pipeline.simulate.surroundings import Neighbour, Surroundings, pattern
from pipeline.simulate.times import night_jd

ARCHIVAL_SHARE = 0.4
"""Share of sources without a star that nevertheless stand in the archival catalog."""

_WINDOW_UTC_D = {"ztf": (1.125, 1.50), "lsst": (1.02, 1.395)}
"""Dark time in days after 0h UTC of the night's starting date."""

_COMMON_WINDOW_UTC_D = (1.14, 1.38)
_REVISIT_D = 0.03
_SURVEY_CODE = {"ztf": 1, "lsst": 2}
_BANDS = {"ztf": "grgri", "lsst": "grizyu"}
_PEAK_ABMAG = {"ztf": (16.8, 19.6), "lsst": (19.0, 23.0)}
_TIMESCALE_D = {
    "supernova": (12.0, 20.0),
    "flare": (2.0, 9.0),
    "variable": (0.3, 40.0),
    "steady": (1.0, 1.0),
    "passing": (0.2, 0.2),
}


@dataclass(frozen=True)
class Request:
    """What to simulate: how many packets, of when, from which seed."""

    seed: int
    ztf: int
    lsst: int
    nights: int
    start: date
    bad: float
    duplicates: float

    def split(self, survey: str) -> tuple[int, int, int]:
        """Return how many good, duplicate and bad packets ``survey`` writes."""
        total = self.ztf if survey == "ztf" else self.lsst
        bad = round(total * self.bad)
        duplicates = int((total - bad) * self.duplicates)
        return total - bad - duplicates, duplicates, bad


@dataclass(frozen=True)
class Source:
    """Something in the sky that raises alerts.

    Attributes
    ----------
    number : int
        Unique in the run.
    category : str
        As in the truth table.
    gate : str or None
        Why it is not published.
    field_number : int
        Field that it stands in.
    ra_deg, dec_deg : float
        True position (ICRS); LSST measures it.
    surroundings : Surroundings
        Pattern of catalog sources around it.
    neighbours : tuple of Neighbour
        Those sources.
    curve : Curve
        Its light.
    object_ids : dict of str to (str or None)
        By survey, as on the output topics.
    ztf_east_arcsec, ztf_north_arcsec : float
        Where ZTF sees it.
    is_exact : bool
        Positions are measured without scatter.
    is_match : bool
        Both surveys' objects belong together.
    programid : int
        ZTF's.
    is_archival : bool
        It stands in the archival catalog.
    """

    number: int
    category: str
    gate: str | None
    field_number: int
    ra_deg: float
    dec_deg: float
    surroundings: Surroundings
    neighbours: tuple[Neighbour, ...]
    curve: Curve
    object_ids: dict[str, str | None]
    ztf_east_arcsec: float = 0.0
    ztf_north_arcsec: float = 0.0
    is_exact: bool = False
    is_match: bool = False
    programid: int = 1
    is_archival: bool = False

    def position_deg(self, survey: str) -> tuple[float, float]:
        """Return where ``survey`` sees it."""
        if survey == "lsst":
            return self.ra_deg, self.dec_deg
        return offset_deg(self.ra_deg, self.dec_deg, self.ztf_east_arcsec, self.ztf_north_arcsec)


class Visit(NamedTuple):
    """A survey sees a source, and raises an alert."""

    source: Source
    survey: str
    jd_utc: float
    band: str
    alert_id: int


@dataclass(frozen=True)
class Plan:
    """Sources and, in order of time, the visits that raise alerts."""

    sources: list[Source]
    visits: list[Visit]
    fields: list[Field]
    ids: ids.Ids


def make_plan(request: Request) -> Plan:
    """Return the plan that ``request`` decides."""
    return _Planner(request).plan()


class _Planner:
    """Draws sources until every category has its alerts."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._rng = np.random.default_rng([request.seed, 0])
        alerts = {survey: request.split(survey)[0] for survey in ("ztf", "lsst")}
        self._left = alerts
        per_field = max(150, sum(alerts.values()) // 40)
        self._placing = Placing(self._rng, per_field, share=request.seed)
        self._ids = ids.Ids(request.seed, request.start.year)
        self._numbers = count()
        self._sources: list[Source] = []
        self._visits: list[tuple[Source, str, float, str]] = []

    def plan(self) -> Plan:
        """Return everything, visits sorted by time."""
        for _ in range(self._pair_count()):
            self._add_pair(PAIRS[len(self._sources) % len(PAIRS)])
        for survey, categories in CATEGORIES.items():
            for category, alerts in zip(
                categories, shares(categories, self._left[survey]), strict=True
            ):
                self._fill(survey, category, alerts)
        self._visits.sort(key=lambda visit: (visit[2], visit[1], visit[0].number))
        visits = [
            Visit(source, survey, jd, band, self._ids.alert(survey, jd, source.number, serial))
            for serial, (source, survey, jd, band) in enumerate(self._visits)
        ]
        return Plan(self._sources, visits, self._placing.fields, self._ids)

    def _pair_count(self) -> int:
        fewest = min(self._left.values())
        return max(min(len(PAIRS), fewest // 4), round(0.05 * fewest))

    def _add_pair(self, kind: PairKind) -> None:
        surroundings = pattern(kind.surroundings)
        shape = "variable" if surroundings.lsst_class == "stellar" else "supernova"
        angle = self._rng.uniform(0, 2 * np.pi)
        apart = 0.15 if kind.separation_arcsec is None else kind.separation_arcsec
        source = self._source(
            category=kind.name,
            gate=None,
            region=kind.region,
            surroundings=surroundings,
            curve=self._curve(shape, "ztf"),
            surveys=("ztf", "lsst"),
            ztf_east_arcsec=float(apart * np.sin(angle)),
            ztf_north_arcsec=float(apart * np.cos(angle)),
            is_exact=kind.separation_arcsec is not None,
            is_match=kind.is_match,
            programid=1 if kind.is_public else 2,
        )
        swap = {"ztf": "lsst", "lsst": "ztf"} if kind.is_ztf_first else {}
        for step, (day, survey) in enumerate(APPEARANCE):
            seen_by = swap.get(survey, survey)
            self._left[seen_by] -= 1
            band = _BANDS[seen_by][step % 2]
            self._visits.append((source, seen_by, self._appearance_jd(day, step), band))

    def _appearance_jd(self, day: int, step: int) -> float:
        nights = self._request.nights
        last_day = APPEARANCE[-1][0]
        night = day if nights > last_day else day * (nights - 1) // last_day
        begin, end = _COMMON_WINDOW_UTC_D
        share = (step + self._rng.uniform(0.25, 0.75)) / len(APPEARANCE)
        return night_jd(self._request.start, night) + begin + share * (end - begin)

    def _fill(self, survey: str, category: Category, alerts: int) -> None:
        for made in count():
            if alerts <= 0:
                return
            source = self._category_source(survey, category, made)
            times = self._times(survey, source, min(alerts, self._repeats(category, made)))
            alerts -= len(times)
            self._visits.extend((source, survey, jd, band) for jd, band in times)

    @staticmethod
    def _repeats(category: Category, made: int) -> int:
        return 1 if "passing" in category.shapes else 1 + made % 3

    def _category_source(self, survey: str, category: Category, made: int) -> Source:
        surroundings = pattern(category.surroundings[made % len(category.surroundings)])
        return self._source(
            category=category.name,
            gate=category.gate,
            region=category.region,
            surroundings=surroundings,
            curve=self._curve(category.shapes[made % len(category.shapes)], survey),
            surveys=(survey,),
            programid=2 + made % 2 if category.gate == "non_public" else 1,
        )

    def _source(
        self,
        *,
        category: str,
        gate: str | None,
        region: Region,
        surroundings: Surroundings,
        curve: Curve,
        surveys: tuple[str, ...],
        ztf_east_arcsec: float = 0.0,
        ztf_north_arcsec: float = 0.0,
        is_exact: bool = False,
        is_match: bool = False,
        programid: int = 1,
    ) -> Source:
        number = next(self._numbers)
        place = self._placing.take(region)
        neighbours = surroundings.draw(self._rng)
        is_star = surroundings.lsst_class == "stellar" or surroundings.ztf_class == "stellar"
        if curve.shape == "variable" and is_star:
            # Part of the star's own light.
            curve = curve._replace(abmag=neighbours[0].r_abmag + float(self._rng.uniform(0.7, 2)))
        source = Source(
            number=number,
            category=category,
            gate=gate,
            field_number=place.field.number,
            ra_deg=place.ra_deg,
            dec_deg=place.dec_deg,
            surroundings=surroundings,
            neighbours=neighbours,
            curve=curve,
            object_ids={survey: self._ids.object(survey, number, category) for survey in surveys},
            ztf_east_arcsec=ztf_east_arcsec,
            ztf_north_arcsec=ztf_north_arcsec,
            is_exact=is_exact,
            is_match=is_match,
            programid=programid,
            is_archival=is_star or bool(self._rng.random() < ARCHIVAL_SHARE),
        )
        self._sources.append(source)
        return source

    def _curve(self, shape: str, survey: str) -> Curve:
        begin = night_jd(self._request.start, 0) + 1.2
        peak = begin + self._rng.uniform(-3, 7)
        return Curve(
            shape,
            float(self._rng.uniform(*_PEAK_ABMAG[survey])),
            float(begin if shape == "passing" else peak),
            float(self._rng.uniform(*_TIMESCALE_D[shape])),
        )

    def _times(self, survey: str, source: Source, wanted: int) -> list[tuple[float, str]]:
        """Return distinct times and bands: two visits a night, nights at random."""
        slots = self._rng.permutation(2 * self._request.nights)[:wanted]
        return [self._slot(survey, source.field_number, int(slot)) for slot in sorted(slots)]

    def _slot(self, survey: str, field_number: int, slot: int) -> tuple[float, str]:
        night, revisit = divmod(slot, 2)
        code = [self._request.seed, _SURVEY_CODE[survey], field_number, night]
        begin, end = _WINDOW_UTC_D[survey]
        share = np.random.default_rng(code).random()
        jd = night_jd(self._request.start, night) + begin + share * (end - begin - _REVISIT_D)
        bands = _BANDS[survey]
        return float(jd + revisit * _REVISIT_D), bands[(field_number + slot) % len(bands)]
