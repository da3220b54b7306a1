"""Time scales: Rubin counts in TAI, ZTF and everything that we publish in UTC."""

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

MJD_EPOCH_JD = 2_400_000.5
"""Julian date of modified Julian date 0, in any one scale."""

FIRST_JD_UTC = 2_441_317.5
"""1972-01-01, when UTC began to be kept by whole leap seconds."""

LAST_JD_UTC = 2_488_069.5
"""2100-01-01; a later time in a packet is a mistake."""


def mjd_tai_to_jd_utc(mjd_tai: ArrayLike) -> NDArray[np.float64]:
    """Convert modified Julian dates in TAI to Julian dates in UTC.

    Parameters
    ----------
    mjd_tai : array of float
        MJD, TAI. NaN is none.

    Returns
    -------
    float64 array
        JD, UTC, good to 40 µs (the spacing of float64 there); NaN for none and for times before
        1972 or after 2099.

    Notes
    -----
    ERFA's ``taiutc`` with the IAU's table of leap seconds. Its plain function is used, not the
    wrapper: the wrapper warns about years whose leap seconds are not announced yet, in which the
    last known offset (37 s) is what is wanted.
    """
    mjd = np.asarray(mjd_tai, np.float64)
    jd = mjd + MJD_EPOCH_JD
    is_usable = (jd >= FIRST_JD_UTC) & (jd < LAST_JD_UTC)
    day, fraction, _ = erfa.ufunc.taiutc(MJD_EPOCH_JD, np.where(is_usable, mjd, 60_000.0))
    return np.where(is_usable, day + fraction, np.nan)
