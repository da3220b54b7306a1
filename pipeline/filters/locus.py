"""A packet as ANTARES shows it to a filter: a locus with its alerts, and no ANTARES.

Filters of the DevKit use a locus's attributes alone, so that this light one serves them; the
DevKit's own class makes light curves when a filter asks for one (20 ms). Property names are those
of ANTARES, times MJD (TAI for LSST, as in the packet). This file imports nothing of ours: the tests
give it to the DevKit in an environment of its own.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

SURVEY_LSST = 4
"""As ANTARES counts: 1 ZTF detection, 2 ZTF limit, 3 DECAT, 4 LSST."""
NJY_ZERO_POINT_ABMAG = 31.4
MAG_PER_RELATIVE_ERROR = 2.5 / math.log(10)

Record = Mapping[str, Any]
Value = str | float | int


@dataclass
class LocusAlert:
    """One alert of a locus.

    Attributes
    ----------
    id : str
        ``lsst:`` and the diaSourceId.
    mjd : float
        As in the packet.
    properties : dict
        What the survey says, by ANTARES's names; null is left out.
    """

    id: str
    mjd: float
    properties: dict[str, Any]
    non_persistent_properties: dict[str, Any] = field(default_factory=dict)
    grav_wave_events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def alert_id(self) -> str:
        """Return its id."""
        return self.id


@dataclass
class Locus:
    """A place on the sky with its alerts, the newest last; attributes as in the DevKit."""

    id: str
    ra: float
    dec: float
    alerts: list[LocusAlert]
    catalog_objects: dict[str, list[Any]] = field(default_factory=dict)
    internal_properties: dict[str, Any] = field(default_factory=dict)
    user_tags: set[str] = field(default_factory=set)
    user_properties: dict[str, Value] = field(default_factory=dict)
    grav_wave_events_metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def locus_id(self) -> str:
        """Return its id."""
        return self.id

    @property
    def alert(self) -> LocusAlert:
        """Return the newest alert."""
        return self.alerts[-1]

    @property
    def catalogs(self) -> list[str]:
        """Return the catalogs that have a source there."""
        return list(self.catalog_objects)

    @property
    def properties(self) -> dict[str, Any]:
        """Return the properties of survey and filters."""
        return self.internal_properties | self.user_properties

    @property
    def tags(self) -> set[str]:
        """Return what filters tagged it with."""
        return self.user_tags

    @property
    def grav_wave_events(self) -> list[str]:
        """Return the names of the GW events that it lies in."""
        return list(self.grav_wave_events_metadata)

    @cached_property
    def location(self) -> Any:
        """Return its position as a ``SkyCoord``."""
        from astropy.coordinates import SkyCoord  # noqa: PLC0415 slow, and few filters ask

        return SkyCoord(self.ra, self.dec, unit="deg")

    def tag(self, value: str) -> None:
        """Tag it.

        Raises
        ------
        ValueError
            If the tag is no text.
        """
        if not isinstance(value, str):
            raise ValueError("Tags must be strings")  # noqa: TRY004 the DevKit's
        self.user_tags.add(value)

    def set_property(self, key: str, value: Value) -> None:
        """Set a property.

        Raises
        ------
        ValueError
            If the value is neither text nor a plain number.
        """
        if not isinstance(value, str | float | int):
            raise ValueError("Properties must be integer, string or float")  # noqa: TRY004 the DevKit's
        self.user_properties[key] = value

    def timeseries(self, survey: str = "ztf") -> Any:
        """Return the DevKit's time series of one survey's alerts."""
        return self._of_devkit().timeseries(survey)

    def lightcurve(self, survey: str = "ztf") -> Any:
        """Return the DevKit's light curve of one survey's alerts."""
        return self._of_devkit().lightcurve(survey)

    def _of_devkit(self) -> Any:
        from antares_devkit.models import DevKitLocus  # noqa: PLC0415 an extra, 1 s and 100 MB

        return DevKitLocus.model_validate(as_plain(self))


def as_plain(locus: Locus) -> dict[str, Any]:
    """Return what the DevKit's own class is made from."""
    return {
        "id": locus.id,
        "ra": locus.ra,
        "dec": locus.dec,
        "alerts": [
            {"id": one.id, "mjd": one.mjd, "properties": one.properties} for one in locus.alerts
        ],
        "catalog_objects": locus.catalog_objects,
        "internal_properties": locus.internal_properties,
        "user_properties": locus.user_properties,
        "user_tags": sorted(locus.user_tags),
    }


def of_lsst(record: Record) -> Locus:
    """Return the locus of an LSST packet's whole record, with today's field names."""
    source, found = record["diaSource"], record.get("diaObject") or {}
    earlier = sorted(record.get("prvDiaSources") or (), key=lambda row: row["midpointMjdTai"])
    alerts = [_lsst_alert(row) for row in (*earlier, source)]
    alerts[-1].properties |= _prefixed("lsst_diaObject_", found)
    ids = {
        name: [str(number)] if number else []
        for name, number in (
            ("dia_object_id", source.get("diaObjectId")),
            ("ss_object_id", source.get("ssObjectId")),
        )
    }
    own_id = source.get("diaObjectId") or source.get("ssObjectId") or source["diaSourceId"]
    return Locus(
        id=str(own_id),
        ra=source["ra"],
        dec=source["dec"],
        alerts=alerts,
        internal_properties={"num_alerts": len(alerts), "survey": {"lsst": ids}},
    )


def _lsst_alert(row: Record) -> LocusAlert:
    properties = {
        **_prefixed("lsst_diaSource_", row),
        "ant_survey": SURVEY_LSST,
        "ant_mjd": row["midpointMjdTai"],
        "ant_ra": row["ra"],
        "ant_dec": row["dec"],
        "ant_passband": row.get("band"),
        **dict(_magnitudes(row)),
    }
    return LocusAlert(f"lsst:{row['diaSourceId']}", row["midpointMjdTai"], properties)


def _magnitudes(row: Record) -> Iterator[tuple[str, float]]:
    """Yield AB magnitude and error where the flux [nJy] has one, and the limit of 5σ."""
    flux, error = row.get("psfFlux"), row.get("psfFluxErr")
    if flux is not None and flux > 0:
        yield "ant_mag", NJY_ZERO_POINT_ABMAG - 2.5 * math.log10(flux)
    if flux is not None and flux > 0 and error is not None:
        yield "ant_magerr", MAG_PER_RELATIVE_ERROR * error / flux
    if error is not None and error > 0:
        yield "ant_maglim", NJY_ZERO_POINT_ABMAG - 2.5 * math.log10(5 * error)


def _prefixed(prefix: str, row: Record) -> dict[str, Any]:
    """Return fields under ANTARES's names; 0 is a value, null is none."""
    return {prefix + name: value for name, value in row.items() if value is not None}
