"""Numbers as a shifter reads them: with units, no more digits than they are worth, n/a for none."""

from datetime import UTC, datetime, timedelta, tzinfo

NONE = "n/a"
YEAR_S = 365.25 * 86_400
"""Julian year."""

_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3600, 60
_PERIODS = (("years", YEAR_S), ("days", _DAY_S), ("hours", _HOUR_S), ("minutes", _MINUTE_S))
_SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def percent(share: float | None) -> str:
    """Return a probability; near 0 and 1 with a decimal, never rounded to either."""
    if share is None:
        return NONE
    if 0 < share < 0.001:  # noqa: PLR2004 what one decimal shows
        return "< 0.1 %"
    if 0.999 < share < 1:  # noqa: PLR2004
        return "> 99.9 %"
    decimals = 1 if 0 < share < 0.1 or 0.9 < share < 1 else 0  # noqa: PLR2004
    return f"{share * 100:.{decimals}f} %"


def fine_percent(share: float) -> str:
    """Return a probability as ``percent`` does, with two digits however small it is.

    A tile around one galaxy may hold 0.0012 %.
    """
    is_small = 0 < share < 0.1  # noqa: PLR2004 as above
    return f"{share * 100:#.2g}".rstrip(".") + " %" if is_small else percent(share)


def area(area_deg2: float | None) -> str:
    """Return an area on the sky."""
    if area_deg2 is None:
        return NONE
    decimals = 0 if area_deg2 >= 100 else 1 if area_deg2 >= 10 else 2  # noqa: PLR2004 3 digits
    return f"{area_deg2:,.{decimals}f} deg²"


def distance(mean_mpc: float | None, std_mpc: float | None = None) -> str:
    """Return a distance and its standard deviation."""
    if mean_mpc is None:
        return NONE
    return f"{mean_mpc:,.0f} Mpc" if std_mpc is None else f"{mean_mpc:,.0f} ± {std_mpc:,.0f} Mpc"


def moment(time: datetime | None) -> str:
    """Return a time in UTC, to the second."""
    return NONE if time is None else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def short_moment(time: datetime) -> str:
    """Return a time of these days to the minute, without its zone: ``23 Nov 03:02``."""
    return f"{time:%d %b %H:%M}"


def local(time: datetime, zone: tzinfo) -> str:
    """Return a time as clocks of a zone show it, with its date where UTC has another one."""
    there = time.astimezone(zone)
    is_same_day = there.date() == time.astimezone(UTC).date()
    return f"{f'{there:%H:%M}' if is_same_day else short_moment(there)} local"


def duration(length: timedelta) -> str:
    """Return a length of time in its two largest units: ``1 d 7 h``, ``3 min 5 s``, ``12 s``."""
    seconds = round(abs(length.total_seconds()))
    days, rest = divmod(seconds, _DAY_S)
    hours, rest = divmod(rest, _HOUR_S)
    minutes, seconds = divmod(rest, _MINUTE_S)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def since(time: datetime, now: datetime) -> str:
    """Return how far a time lies from a text's own: an early warning may precede T0.

    A text is not written anew every second, so ``ago`` would soon be wrong.
    """
    side = "before" if now >= time else "after"
    return f"{duration(now - time)} {side} this was written"


def rate(far_hz: float | None) -> str:
    """Return a false alarm rate as the time in which one is expected."""
    if far_hz is None or far_hz < 0:
        return NONE
    period_s = 1 / far_hz if far_hz else float("inf")
    if period_s == float("inf"):
        return "never by chance"
    for unit, length_s in _PERIODS:
        if period_s >= length_s:
            return f"1 per {_three_digits(period_s / length_s)} {unit}"
    return f"{far_hz:.2g} per second"


def seconds(length_s: float | None) -> str:
    """Return a short length of time."""
    return NONE if length_s is None else f"{length_s:.3g} s"


def _three_digits(value: float) -> str:
    if value < 1e6:  # noqa: PLR2004 then a power of ten reads better
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"
