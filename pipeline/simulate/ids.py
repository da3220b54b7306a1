"""Identifiers that look like the surveys' own, and differ between seeds."""

from string import ascii_lowercase, ascii_uppercase, digits

import numpy as np

NID_ZERO_JD_UTC = 2457754.5
"""ZTF counts its nights from 2017-01-01."""

LSST_ZERO_JD_UTC = 2455197.5
_LSST_BIT = 1 << 15
"""Set in every real id, above the days."""

_LETTERS = 7
_OBJECTS = len(ascii_lowercase) ** _LETTERS
_STRIDE = 1_234_567_891
"""Prime to _OBJECTS, so that consecutive objects get unlike names and none twice."""

_BASE_62 = digits + ascii_uppercase + ascii_lowercase
_HALF_MONTHS = "ABCDEFGHJKLMNOPQRSTUVWXY"


class Ids:
    """Names objects and alerts of one run.

    Parameters
    ----------
    seed : int
        Runs of different seeds share no identifier (but by rare chance).
    year : int
        Of the first night.
    """

    def __init__(self, seed: int, year: int) -> None:
        draw = np.random.default_rng([seed, 99])
        self._year = year % 100
        self._object_start = int(draw.integers(_OBJECTS))
        self._lsst_start = int(draw.integers(1 << 27))
        self._serial_start = int(draw.integers(10_000))

    def object(self, survey: str, number: int, category: str) -> str | None:
        """Return the object id as on the output topics; None for an alert without object."""
        if category == "no_object_id":
            return None
        if survey == "ztf":
            return self._ztf_object(number)
        if category == "rock":
            return f"sso{packed_number(self.designation(number))}"
        return str((1 << 57) + (self._lsst_start << 26) + 64 * number + 17)

    def designation(self, number: int) -> str:
        """Return the packed provisional designation of an asteroid: K for the years from 2000."""
        code = (self._lsst_start + number) % (24 * 62 * 10 * 25)
        code, second = divmod(code, 25)
        code, unit = divmod(code, 10)
        half_month, ten = divmod(code, len(_BASE_62))
        letter = ascii_uppercase.replace("I", "")[second]
        return f"K{self._year:02d}{_HALF_MONTHS[half_month]}{_BASE_62[ten]}{unit}{letter}"

    def alert(self, survey: str, jd_utc: float, source: int, serial: int) -> int:
        """Return a ZTF candid or an LSST diaSourceId; ``serial`` differs within a run."""
        serial = self._serial_start + serial
        if survey == "ztf":
            return ztf_pid(jd_utc, readout_channel(source)) * 1_000_000 + 10_000 + serial % 10_000
        day, fraction = divmod(jd_utc - LSST_ZERO_JD_UTC, 1)
        visit = ((_LSST_BIT + int(day)) << 12) + int(fraction * 4096)
        return (((visit << 8) + detector(source)) << 22) + serial % (1 << 22)

    def _ztf_object(self, number: int) -> str:
        code = (self._object_start + number * _STRIDE) % _OBJECTS
        letters = ""
        for _ in range(_LETTERS):
            code, letter = divmod(code, len(ascii_lowercase))
            letters = ascii_lowercase[letter] + letters
        return f"ZTF{self._year:02d}{letters}"


def ztf_pid(jd_utc: float, rcid: int) -> int:
    """Return the processing id: night, five digits of the day, channel, 15."""
    return int((jd_utc - NID_ZERO_JD_UTC) * 1e5) * 10_000 + rcid * 100 + 15


def readout_channel(source: int) -> int:
    """Return ZTF's readout channel (0 to 63) for a source."""
    return source * 7 % 64


def detector(source: int) -> int:
    """Return LSSTCam's detector (0 to 188) for a source."""
    return source * 13 % 189


def visit_number(jd_utc: float) -> int:
    """Return Rubin's visit: observing day (from noon UTC) and a running number."""
    day = np.datetime64("1970-01-01") + int(jd_utc - 2440588.0)
    running = int(jd_utc % 1 * 2400)
    return int(str(day).replace("-", "")) * 100_000 + running


def packed_number(designation: str) -> int:
    """Return a designation's characters as one integer, as Rubin forms ssObjectId."""
    return int.from_bytes(designation.encode(), "big")
