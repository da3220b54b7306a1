"""Where the alerts lie: catalogs, objects of both surveys, and what surrounds each of them.

Everything follows from one seed. What lies near an object is found here by plain arithmetic on the
arrays, not by the search that is measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from astropy.coordinates import SkyCoord
from numpy.typing import NDArray
from pyarrow import parquet

from tests.bench.profiles import SEED, Load, Profile

ARCSEC_DEG = 1 / 3600
DEC_RANGE_DEG = {"ztf": (-30.0, 90.0), "lsst": (-90.0, 33.5)}
OTHER = {"ztf": "lsst", "lsst": "ztf"}
CATALOG_SCATTER_ARCSEC = 0.5
ALERT_SCATTER_ARCSEC = 0.05
MATCH_ARCSEC = 2.0
ARCHIVAL_ARCSEC = 2.0
LSPSC_ARCSEC = 30.0
FOOTPRINT_B_DEG = 18
SHARED_WITH_ZTF = 0.2
ODD_PLACES = 0.01
ALERTS_PER_OBJECT = 2
CLUSTERED_SHARE = 0.4
BORDER_ARCSEC = 1e-4
"""No separation lies nearer than this to a radius that decides something."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Places(NamedTuple):
    """Positions in ICRS [deg]."""

    ra_deg: Floats
    dec_deg: Floats


@dataclass(frozen=True)
class Catalog:
    """The columns of one catalog, sorted by declination, and its file."""

    name: str
    path: Path
    columns: dict[str, NDArray[Any]]

    @property
    def places(self) -> Places:
        return Places(self.columns["ra"], self.columns["dec"])


@dataclass(frozen=True)
class Surroundings:
    """What decides the topic of each alert of one survey, beside its own packet.

    Attributes
    ----------
    match : int64[n]
        Object of the other survey within 2″, −1 none.
    is_archival : bool[n]
        A row of any catalog within 2″.
    is_inside : bool[n]
        Inside the point-source catalog's footprint.
    point_sources : list
        Rows of the point-source catalog within 30″: (separation [arcsec], score, magnitude).
    """

    match: Ints
    is_archival: NDArray[np.bool_]
    is_inside: NDArray[np.bool_]
    point_sources: list[list[tuple[float, float, float]]]


@dataclass(frozen=True)
class Sky:
    """All objects and alerts of a run.

    Attributes
    ----------
    objects : dict
        Position of each survey's objects.
    object_of : dict
        Object of each alert.
    alerts : dict
        Position of each alert.
    """

    objects: dict[str, Places]
    object_of: dict[str, Ints]
    alerts: dict[str, Places]


def catalogs(profile: Profile, folder: Path) -> tuple[Catalog, Catalog]:
    """Return both catalogs, made once and kept in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    return (
        _catalog(
            "lspsc", folder, profile.catalog_a_rows, _lspsc, is_clustered=profile.is_clustered
        ),
        _catalog("gaia_dr3", folder, profile.catalog_b_rows, _gaia),
    )


def sky(profile: Profile, catalog: Catalog) -> Sky:
    """Place the objects and alerts of both surveys."""
    rng = np.random.default_rng([SEED, 3])
    loads = {"ztf": profile.ztf, "lsst": profile.lsst}
    object_of = {name: _objects_of(load) for name, load in loads.items()}
    counts = {name: int(of.max()) + 1 for name, of in object_of.items()}
    ztf = _objects(rng, "ztf", counts["ztf"], catalog)
    lsst = _objects(rng, "lsst", counts["lsst"], catalog)
    of_flow = {name: objects_of_flow(load) for name, load in loads.items()}
    objects = {"ztf": ztf, "lsst": _shared(rng, lsst, ztf, of_flow)}
    alerts = {name: scattered(rng, take(objects[name], of)) for name, of in object_of.items()}
    return Sky(objects, object_of, alerts)


def surroundings(sky: Sky, survey: str, point_sources: Catalog, other: Catalog) -> Surroundings:
    """Look around every alert of one survey."""
    alerts = sky.alerts[survey]
    low, high = DEC_RANGE_DEG[OTHER[survey]]
    match = np.full(len(alerts.ra_deg), -1, np.int64)
    for at, _, nearest in _first(around(alerts, sky.objects[OTHER[survey]], MATCH_ARCSEC)):
        if low <= alerts.dec_deg[at] <= high:
            match[at] = nearest
    is_archival = np.zeros(len(alerts.ra_deg), bool)
    for catalog in (point_sources, other):
        for at, _, _ in around(alerts, catalog.places, ARCHIVAL_ARCSEC):
            is_archival[at] = True
    near: list[list[tuple[float, float, float]]] = [[] for _ in alerts.ra_deg]
    if survey == "lsst":
        score, mag = point_sources.columns["score"], point_sources.columns["mag_white"]
        for at, separation, row in around(alerts, point_sources.places, LSPSC_ARCSEC):
            near[at].append((separation, float(score[row]), float(mag[row])))
    galactic = SkyCoord(alerts.ra_deg, alerts.dec_deg, unit="deg").galactic
    is_inside = np.abs(galactic.b.deg) > FOOTPRINT_B_DEG
    return Surroundings(match, is_archival, is_inside, near)


def around(
    places: Places, others: Places, radius_arcsec: float
) -> Iterator[tuple[int, float, int]]:
    """Yield (place, separation [arcsec], other), nearest first, by brute force in strips of dec."""
    order = np.argsort(others.dec_deg, kind="stable")
    dec_sorted = others.dec_deg[order]
    radius_deg = radius_arcsec * ARCSEC_DEG
    first = np.searchsorted(dec_sorted, places.dec_deg - radius_deg * 1.001)
    last = np.searchsorted(dec_sorted, places.dec_deg + radius_deg * 1.001)
    ra, dec = np.radians(others.ra_deg[order]), np.radians(dec_sorted)
    for at in range(len(places.ra_deg)):
        strip = slice(first[at], last[at])
        if strip.start == strip.stop:
            continue
        separation = _separation_arcsec(
            np.radians(places.ra_deg[at]), np.radians(places.dec_deg[at]), ra[strip], dec[strip]
        )
        found = np.flatnonzero(separation <= radius_arcsec)
        for i in found[np.argsort(separation[found], kind="stable")].tolist():
            if abs(separation[i] - radius_arcsec) < BORDER_ARCSEC:
                raise ValueError("a source lies on the very edge of a cone; choose another seed")
            yield at, float(separation[i]), int(order[strip.start + i])


def scattered(rng: np.random.Generator, places: Places) -> Places:
    """Return the places as measured again."""
    return _moved(
        places,
        rng.normal(0, ALERT_SCATTER_ARCSEC, len(places.ra_deg)),
        rng.normal(0, ALERT_SCATTER_ARCSEC, len(places.ra_deg)),
    )


def take(places: Places, at: Ints) -> Places:
    return Places(places.ra_deg[at], places.dec_deg[at])


def objects_of_flow(load: Load) -> int:
    """Return how many objects the alerts before the naive baseline's have."""
    return -(-load.flow // ALERTS_PER_OBJECT)


def _objects_of(load: Load) -> Ints:
    """Return the object of each alert: two of the flow's share one, far apart; the naive's none."""
    n_objects = objects_of_flow(load)
    return np.concatenate(
        (np.arange(load.flow) % n_objects, n_objects + np.arange(load.naive))
    ).astype(np.int64)


def _objects(rng: np.random.Generator, survey: str, count: int, catalog: Catalog) -> Places:
    """Half on catalog rows, half anywhere that the survey sees, a few at RA 0 and a pole."""
    low, high = DEC_RANGE_DEG[survey]
    ra, dec = _uniform(rng, count, low, high)
    reachable = np.flatnonzero(
        (catalog.columns["dec"] > low + 0.1) & (catalog.columns["dec"] < high - 0.1)
    )
    on = np.flatnonzero(rng.random(count) < 0.5)
    on = on[: len(reachable) // 2]  # of a small catalog: no two objects at one source
    rows = rng.choice(reachable, len(on), replace=False)
    near = _moved(
        take(catalog.places, rows),
        rng.normal(0, CATALOG_SCATTER_ARCSEC, len(on)),
        rng.normal(0, CATALOG_SCATTER_ARCSEC, len(on)),
    )
    ra[on], dec[on] = near
    odd = np.flatnonzero(rng.random(count) < ODD_PLACES)
    at_zero, at_pole = odd[::2], odd[1::2]
    ra[at_zero] = np.mod(rng.uniform(-1e-4, 1e-4, len(at_zero)), 360)
    pole = 90.0 if survey == "ztf" else -90.0
    dec[at_pole] = pole - np.sign(pole) * rng.uniform(1e-4, 0.01, len(at_pole))
    return Places(ra, dec)


def _shared(
    rng: np.random.Generator, places: Places, ztf: Places, of_flow: dict[str, int]
) -> Places:
    """Put a fifth of the objects within 1″ of a ZTF object each that both surveys can see.

    Objects of the naive baseline have partners among their like, whom nobody else changes.
    """
    low, high = DEC_RANGE_DEG["ztf"][0] + 1, DEC_RANGE_DEG["lsst"][1] - 1
    is_common = (ztf.dec_deg > low) & (ztf.dec_deg < high)
    ra, dec = places.ra_deg.copy(), places.dec_deg.copy()
    for mine, theirs in (
        (slice(0, of_flow["lsst"]), slice(0, of_flow["ztf"])),
        (slice(of_flow["lsst"], None), slice(of_flow["ztf"], None)),
    ):
        common = theirs.start + np.flatnonzero(is_common[theirs])
        chosen = mine.start + np.flatnonzero(rng.random(len(ra[mine])) < SHARED_WITH_ZTF)
        chosen = chosen[: len(common)]
        partners = rng.choice(common, len(chosen), replace=False)
        offset, angle = rng.uniform(0, 0.9, len(chosen)), rng.uniform(0, 2 * np.pi, len(chosen))
        ra[chosen], dec[chosen] = _moved(
            take(ztf, partners), offset * np.cos(angle), offset * np.sin(angle)
        )
    return Places(ra, dec)


def _moved(places: Places, east_arcsec: Floats, north_arcsec: Floats) -> Places:
    dec = np.clip(places.dec_deg + north_arcsec * ARCSEC_DEG, -90, 90)
    ra = places.ra_deg + east_arcsec * ARCSEC_DEG / np.maximum(np.cos(np.radians(dec)), 1e-6)
    return Places(np.mod(ra, 360), dec)


def _uniform(rng: np.random.Generator, count: int, low: float, high: float) -> tuple[Any, Any]:
    sine = rng.uniform(np.sin(np.radians(low)), np.sin(np.radians(high)), count)
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(sine))


def _separation_arcsec(ra1: float, dec1: float, ra2: Floats, dec2: Floats) -> Floats:
    """Return great-circle distances by the haversine; angles in radians."""
    haversine = (
        np.sin((dec2 - dec1) / 2) ** 2 + np.cos(dec1) * np.cos(dec2) * np.sin((ra2 - ra1) / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(haversine))) / ARCSEC_DEG


def _first(found: Iterator[tuple[int, float, int]]) -> Iterator[tuple[int, float, int]]:
    """Keep the first, so the nearest, of each place."""
    last = -1
    for one in found:
        if one[0] != last:
            yield one
        last = one[0]


def _catalog(
    name: str, folder: Path, rows: int, make: Any, *, is_clustered: bool = False
) -> Catalog:
    path = folder / f"{name}-{rows}-{SEED}{'-clustered' if is_clustered else ''}.parquet"
    if not path.exists():
        draft = path.with_suffix(".new")
        columns = make(rows)
        if is_clustered:
            _cluster(columns["ra"])
        parquet.write_table(pa.table(columns), draft)
        draft.replace(path)
    table = parquet.read_table(path)
    columns = {column: table[column].to_numpy() for column in table.column_names}
    return Catalog(name, path, columns)


def _cluster(ra_deg: Floats) -> None:
    """Move rows of an even sky so that 40 % of them lie in one fifth of it, right ascensions below 72."""
    drawn = np.random.default_rng([SEED, 6]).random(len(ra_deg))
    fifth = 360 / 5
    ra_deg[:] = np.where(
        drawn < CLUSTERED_SHARE, ra_deg * fifth / 360, fifth + ra_deg * (360 - fifth) / 360
    )


def _lspsc(rows: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng([SEED, 1])
    ra, dec = _uniform(rng, rows, -90, 90)
    is_star = rng.random(rows) < 0.5
    score = np.where(is_star, rng.beta(4, 0.5, rows), rng.beta(0.5, 4, rows))
    return {
        "id": 9_000_000_000_000 + np.arange(rows),
        "ra": ra,
        "dec": dec,
        "score": score.astype(np.float32),
        "mag_white": rng.uniform(13, 24, rows).astype(np.float32),
    }


def _gaia(rows: int) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng([SEED, 2])
    ra, dec = _uniform(rng, rows, -90, 90)
    return {
        "id": 4_000_000_000_000_000_000 + np.arange(rows),
        "ra": ra,
        "dec": dec,
        "parallax": rng.normal(1, 1, rows),
        "phot_g_mean_mag": rng.uniform(12, 21, rows).astype(np.float32),
    }
