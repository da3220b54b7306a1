"""One message of a Lasair filter: what it says, and when, in UTC.

A message is a JSON object with the columns that the filter's owner chose; only the object's id may
be assumed. Numbers may come as text. Nothing is asked of servers here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline import json_values
from pipeline.times import FIRST_JD_UTC, LAST_JD_UTC, MJD_EPOCH_JD, mjd_tai_to_jd_utc

MAX_MESSAGE_BYTES = 8 * 2**20
UNIX_EPOCH_JD = 2_440_587.5
"""Julian date, UTC, of 1970-01-01 00:00."""
DAY_MS = 86_400_000
FIRST_MJD, LAST_MJD = 15_000.0, 100_000.0
"""A number in between is a modified Julian date: 1899 to 2132."""
UTC_PREFIX = "utc_"
FILTER_TIME = "UTC"
"""When the filter took the object; of every message that Lasair makes."""
LONGEST_CAUSE = 200

_IDS = {"ztf": ("objectId", "diaObjectId"), "lsst": ("diaObjectId", "objectId")}
_ID = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,63}")
"""It becomes part of the names of files."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadMessage(Exception):
    """A message cannot be used; the text is for people.

    Attributes
    ----------
    reason : str
        Of ``dead_letters.REASONS``.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class LasairMessage:
    """What one message says.

    Attributes
    ----------
    object_id : str
        ZTF's name, or LSST's diaObjectId in digits.
    jd_utc : float or None
        Julian date, UTC, of the detection that the last of the date fields names.
    detected_at : datetime
        The same, UTC to the millisecond; else when the filter took the object, else when Kafka got
        the message. It names the alert's files.
    payload : dict
        The message, and ``utc_FIELD`` for each date field that it has.
    problems : tuple of str
        Values that could not be used; the message is used all the same.
    """

    object_id: str
    jd_utc: float | None
    detected_at: datetime
    payload: dict[str, Any]
    problems: tuple[str, ...] = ()


def read(raw: bytes, survey: str, jd_fields: Sequence[str], written_at: datetime) -> LasairMessage:
    """Read one message.

    Parameters
    ----------
    raw : bytes
        Value of a message on Kafka.
    survey : str
        ``ztf`` or ``lsst``: whose object it is; modified Julian dates of LSST are TAI.
    jd_fields : sequence of str
        Fields with Julian dates, UTC; the last one dates the alert.
    written_at : datetime
        When Kafka got the message.

    Raises
    ------
    BadMessage
        If it is no JSON object, or names no object.
    """
    document = _document(raw)
    object_id = _object_id(document, survey)
    dates = {name: to_jd_utc(document[name], survey) for name in jd_fields if name in document}
    texts = {UTC_PREFIX + name: jd and utc_text(to_utc(jd)) for name, jd in dates.items()}
    no_dates = [name for name, jd in dates.items() if jd is None and document[name] is not None]
    problems = [f"{name} is no date: {_shown(document[name])}" for name in no_dates]
    filtered_at = _time(document.get(FILTER_TIME))
    if filtered_at is None and document.get(FILTER_TIME) is not None:
        problems.append(f"{FILTER_TIME} is no time: {_shown(document[FILTER_TIME])}")
    jd_utc = dates.get(jd_fields[-1])
    detected_at = (filtered_at or written_at) if jd_utc is None else to_utc(jd_utc)
    return LasairMessage(object_id, jd_utc, detected_at, {**document, **texts}, tuple(problems))


def to_jd_utc(value: Any, survey: str) -> float | None:
    """Return a date of a message as Julian date, UTC; None of what is no date from 1972 to 2099.

    Parameters
    ----------
    value : Any
        JD, UTC; or MJD, where it lies between 15 000 and 100 000: UTC, of LSST TAI. A number, or
        one written as text.
    survey : str
        ``ztf`` or ``lsst``.
    """
    number = _number(value)
    if number is None:
        return None
    if FIRST_MJD <= number <= LAST_MJD:
        is_tai = survey == "lsst"
        number = float(mjd_tai_to_jd_utc(number)) if is_tai else number + MJD_EPOCH_JD
    return number if FIRST_JD_UTC <= number < LAST_JD_UTC else None


def to_utc(jd_utc: float) -> datetime:
    """Return a Julian date, UTC, as time, to the millisecond: doubles know no more than 0.04 ms."""
    return _EPOCH + timedelta(milliseconds=round((jd_utc - UNIX_EPOCH_JD) * DAY_MS))


def utc_text(moment: datetime) -> str:
    """Return ``YYYY-mm-dd HH:MM:SS.sss`` of a time in UTC."""
    return moment.replace(tzinfo=None).isoformat(" ", "milliseconds")


def _document(raw: bytes) -> Mapping[str, Any]:
    if not raw:
        raise BadMessage("empty", "the message has no bytes")
    if len(raw) > MAX_MESSAGE_BYTES:
        raise BadMessage("too_large", f"{len(raw)} bytes; at most {MAX_MESSAGE_BYTES}")
    try:
        document = json_values.parse(raw)
    except (ValueError, RecursionError) as error:
        raise BadMessage("not_json", f"it is no JSON: {error}"[:LONGEST_CAUSE]) from None
    if not isinstance(document, dict):
        raise BadMessage("not_json", f"it is {type(document).__name__}, not an object")
    return document


def _object_id(document: Mapping[str, Any], survey: str) -> str:
    """Return the object's id as text; a float has lost digits of an id of LSST."""
    names = _IDS[survey]
    value = next((document[name] for name in names if document.get(name) is not None), None)
    if value is None:
        raise BadMessage("no_id", f"it has neither {names[0]} nor {names[1]}")
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if is_whole or isinstance(value, str) else ""
    if not _ID.fullmatch(text):
        raise BadMessage("no_id", f"{_shown(value)} is no object's id")
    return text


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return json_values.number(value)


def _time(value: Any) -> datetime | None:
    """Return a time as Lasair writes it, between the years that dates may have."""
    moment = json_values.time(value)
    if moment is None:
        return None
    is_near = to_utc(FIRST_JD_UTC) <= moment < to_utc(LAST_JD_UTC)
    return moment if is_near else None


def _shown(value: Any) -> str:
    return repr(value)[:LONGEST_CAUSE]
