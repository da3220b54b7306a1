"""Times of packets; apart from the pipeline's conversions, so that each can test the other."""

from datetime import date, timedelta

TAI_MINUS_UTC_S = 37.0
"""Since 2017-01-01; nights before that are not simulated."""

MJD_ZERO_JD = 2400000.5
UNIX_EPOCH_JD_UTC = 2440587.5
SECONDS_PER_DAY = 86400.0


def mjd_tai(jd_utc: float) -> float:
    """Return the MJD (TAI) of a JD (UTC)."""
    return jd_utc - MJD_ZERO_JD + TAI_MINUS_UTC_S / SECONDS_PER_DAY


def unix_ms(jd_utc: float) -> int:
    """Return milliseconds since 1970 of a JD (UTC)."""
    return round((jd_utc - UNIX_EPOCH_JD_UTC) * SECONDS_PER_DAY * 1000)


def night_jd(start: date, night: int) -> float:
    """Return 0h UTC of the starting date of the ``night``-th night (JD)."""
    return UNIX_EPOCH_JD_UTC + (start + timedelta(days=night) - date(1970, 1, 1)).days
