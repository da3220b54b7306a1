"""Where the images of a detection come from: our own archive, without a request; then ALeRCE."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from broker.config import config, project_path
from broker.db import cursor, lock, transaction
from pipeline.alerts import query_cutouts
from pipeline.alerts.query import visible
from pipeline.clients.alerce import Alerce, Detection, Kind, Survey, is_set
from pipeline.lasair.message import UNIX_EPOCH_JD
from pipeline.lasair.tables import IMAGE_KINDS

SAME_ALERT_D = 1e-5
"""Dates of our archive and of Lasair's are the same number."""
SAME_DETECTION_D = 5e-4
"""Beyond, ALeRCE does not have the detection yet, but another one. TAI may pass for UTC."""
ROUNDED_D = 0.01
"""The same for a date that a filter rounded to so many decimals at most."""
ROUNDED_DECIMALS = 3
DAY_S = 86_400.0
ASKING = "nightjar.alerce"
"""Lock of whoever asks ALeRCE: the allowed rate is that of all our processes."""


class AlerceBusyError(Exception):
    """Another process of ours asks ALeRCE now."""


@dataclass(frozen=True)
class Wanted:
    """Which images.

    Attributes
    ----------
    survey, object_id : str
        Whose.
    jd_utc : float or None
        Julian date, UTC, of the detection, where it is known.
    about_jd_utc : float
        The same, or about when it was.
    kinds : sequence of str
        science, template, difference.
    """

    survey: str
    object_id: str
    jd_utc: float | None
    about_jd_utc: float
    kinds: Sequence[str] = IMAGE_KINDS


@dataclass(frozen=True)
class Fetched:
    """What was found.

    Attributes
    ----------
    place : str
        ``archive`` or ``alerce``.
    detection_id : int or None
        candid or measurement_id; None of a detection that ALeRCE does not have yet.
    images : mapping of str to bytes
        As they came; empty bytes where there is none.
    """

    place: str
    detection_id: int | None
    images: Mapping[str, bytes]

    @property
    def is_final(self) -> bool:
        """Tell whether what is not there now will never be: a packet does not change."""
        return self.place == "archive"


def fetch(wanted: Wanted) -> Fetched | None:
    """Return the images of a detection; None where neither place can be asked.

    Raises
    ------
    AlerceBusyError
        If another process asks ALeRCE.
    TransientError
        If ALeRCE is away or busy.
    AlerceError
        If its answer is nothing that we read.
    """
    found = _from_archive(wanted)
    if found is not None or not is_set(config().alerce, wanted.survey):
        return found
    with lock(ASKING) as is_mine:
        if not is_mine:
            raise AlerceBusyError("another process asks ALeRCE")
        with Alerce.from_settings(config().alerce) as alerce:
            return _from_alerce(alerce, wanted)


def unix_s_to_jd_utc(unix_s: float) -> float:
    """Return seconds since 1970 as Julian date, UTC."""
    return unix_s / DAY_S + UNIX_EPOCH_JD


def _from_archive(wanted: Wanted) -> Fetched | None:
    """Return the images in our packet of this very detection, if there is one that may be shown."""
    if wanted.jd_utc is None:
        return None
    survey = wanted.survey
    with transaction() as session:
        with cursor(session) as cur:
            cur.execute(
                "SELECT a.candid FROM alerts AS a"  # noqa: S608 conditions of ours
                " WHERE a.survey = %s AND a.jd_utc BETWEEN %s AND %s AND a.object_id ="
                " (SELECT id FROM objects AS o WHERE o.survey = %s AND o.object_id = %s)"
                f" AND {visible()} ORDER BY a.candid LIMIT 1",
                (
                    *(survey, wanted.jd_utc - SAME_ALERT_D, wanted.jd_utc + SAME_ALERT_D),
                    *(survey, wanted.object_id),
                ),
            )
            row = cur.fetchone()
        located = query_cutouts.locate(session, survey, [row[0]]).get(row[0]) if row else None
    root = project_path(config().archive.path)
    cutouts = located and query_cutouts.cutouts(root, survey, located)
    if not located or not cutouts or not any(cutouts):
        return None
    return Fetched("archive", located.candid, _of_kinds(wanted, cutouts._asdict()))


def _from_alerce(alerce: Alerce, wanted: Wanted) -> Fetched:
    survey = cast("Survey", wanted.survey)
    known = alerce.detections(survey, wanted.object_id)
    chosen = nearest(known, wanted)
    if chosen is None:
        return Fetched("alerce", None, dict.fromkeys(wanted.kinds, b""))
    images = {
        kind: alerce.stamp(survey, wanted.object_id, chosen.id, cast("Kind", kind)) or b""
        for kind in wanted.kinds
    }
    return Fetched("alerce", chosen.id, images)


def nearest(known: Sequence[Detection], wanted: Wanted) -> Detection | None:
    """Return the detection nearest in time; None while the one that is wanted is not known.

    Where no date is known the nearest one is taken, however far it is.
    """

    def distance_d(detection: Detection) -> float:
        return abs(detection.jd_utc - wanted.about_jd_utc)

    found = min(known, key=distance_d, default=None)
    if found is None or wanted.jd_utc is None:
        return found
    is_rounded = round(wanted.jd_utc, ROUNDED_DECIMALS) == wanted.jd_utc
    return found if distance_d(found) <= (ROUNDED_D if is_rounded else SAME_DETECTION_D) else None


def _of_kinds(wanted: Wanted, images: Mapping[str, Any]) -> dict[str, bytes]:
    return {kind: images[kind] for kind in wanted.kinds}
