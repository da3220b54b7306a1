"""A GW notice (``igwn.gwalert``) as a plain value: everything that it says, or why it is refused.

What a notice must have is little (an id, a creation time, an event unless it is a retraction);
anything else that is missing or odd is None, and the notice goes on.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline import json_values
from pipeline.gw import notice_values as values

EARLYWARNING, PRELIMINARY, INITIAL, UPDATE, RETRACTION = ALERT_TYPES = (
    "EARLYWARNING",
    "PRELIMINARY",
    "INITIAL",
    "UPDATE",
    "RETRACTION",
)
REAL, MOCK, TEST = KINDS = ("real", "mock", "test")
REASONS = ("too_large", "not_json", "not_xml", "no_id", "bad_time", "event_missing")
"""Why a notice is refused as a whole."""

MAX_NOTICE_BYTES = 8 * 1024 * 1024
GRACEDB_URL = "https://gracedb.ligo.org/superevents/{id}/view/"

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,63}")
_LINK = re.compile(r"https://[^\s<>|\"]{1,500}")


class BadNotice(Exception):
    """A notice that cannot be used; ``reason`` is one of ``REASONS``, the text says more."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Coincidence:
    """Another observatory's event that was found together with this one.

    Attributes
    ----------
    observatory, search, ivorn, gcn_notice_id : str or None
        What was found, and by whom.
    time_difference_s : float or None
        Time of the other event minus T0 [s].
    far_hz, sky_far_hz : float or None
        False alarm rate of the coincidence in time, and in time and place [Hz].
    """

    observatory: str | None = None
    search: str | None = None
    ivorn: str | None = None
    gcn_notice_id: str | None = None
    time_difference_s: float | None = None
    far_hz: float | None = None
    sky_far_hz: float | None = None


@dataclass(frozen=True)
class Notice:
    """One notice about one event, as it came.

    Attributes
    ----------
    trigger_id : str
        The event's name, such as S241102br.
    alert_type : str
        One of ``ALERT_TYPES``, or as written if it is none of them.
    time_created : datetime
        When the notice was made, UTC.
    kind : str
        ``real`` (S…), ``mock`` (MS…) or ``test`` (any other).
    significant : bool
        The collaboration's word for an event that is worth the attention.
    event_time : datetime or None
        T0 in UTC; None in a retraction.
    far_hz : float or None
        False alarm rate [Hz].
    instruments : tuple of str
        Detectors, as written: H1 L1 V1 K1.
    group, pipeline, search : str or None
        How it was found: CBC or Burst; gstlal, pycbc, CWB…; AllSky, EarlyWarning…
    classification, properties : mapping of str to float
        Probabilities, 0 to 1, by name in alphabetical order; empty if none is given.
    duration_s, central_frequency_hz : float or None
        Of a burst.
    mchirp_source : Any
        Bins of the chirp mass as in the notice, None if it has none.
    gracedb_url : str
        The event's page.
    external_coinc : Coincidence or None
        A joint event.
    skymap_fits, combined_skymap_fits : bytes or None
        FITS files of the map, and of that combined with the other observatory's.
    skymap_cause : str or None
        Why there is no ``skymap_fits``.
    payload : dict
        The notice as JSON without its maps; NaN and Infinity are null.
    sha256 : str
        Hexadecimal, of the whole notice as canonical JSON: the order of keys and spaces do not
        matter.
    """

    trigger_id: str
    alert_type: str
    time_created: datetime
    kind: str = REAL
    significant: bool = False
    event_time: datetime | None = None
    far_hz: float | None = None
    instruments: tuple[str, ...] = ()
    group: str | None = None
    pipeline: str | None = None
    search: str | None = None
    classification: Mapping[str, float] = field(default_factory=dict)
    properties: Mapping[str, float] = field(default_factory=dict)
    duration_s: float | None = None
    central_frequency_hz: float | None = None
    mchirp_source: Any = None
    gracedb_url: str = ""
    external_coinc: Coincidence | None = None
    skymap_fits: bytes | None = field(default=None, repr=False)
    combined_skymap_fits: bytes | None = field(default=None, repr=False)
    skymap_cause: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)
    sha256: str = ""

    @property
    def is_retraction(self) -> bool:
        """Tell whether it takes the event back."""
        return self.alert_type == RETRACTION

    @property
    def treated_as(self) -> str:
        """Return the known type whose rules it follows: a type that nobody knows is an update."""
        return self.alert_type if self.alert_type in ALERT_TYPES else UPDATE


def read_notice(raw: bytes) -> Notice:
    """Return the notice that a message holds.

    Parameters
    ----------
    raw : bytes
        JSON as on ``igwn.gwalert``, at most ``MAX_NOTICE_BYTES``.

    Returns
    -------
    Notice
        None stands for whatever is missing or unreadable.

    Raises
    ------
    BadNotice
        If it is too large, no JSON object, without a usable id or creation time, or without event
        though it is no retraction.
    """
    document = _document(raw)
    digest = hashlib.sha256(json_values.canonical(document)).hexdigest()
    trigger_id = _trigger_id(document)
    alert_type = _alert_type(document)
    time_created = json_values.time(document.get("time_created"))
    if time_created is None:
        raise BadNotice("bad_time", f"time_created is {_shown(document.get('time_created'))}")
    event = document.get("event")
    if not isinstance(event, dict):
        if alert_type != RETRACTION:
            raise BadNotice(
                "event_missing", f"event is {_shown(event)} in a notice of type {alert_type}"
            )
        event = {}
    fits, cause = values.fits_file(event.pop("skymap", None))
    coincidence, combined = _coincidence(document.get("external_coinc"))
    return Notice(
        trigger_id=trigger_id,
        alert_type=alert_type,
        time_created=time_created,
        kind=kind_of(trigger_id),
        significant=event.get("significant") is True,
        event_time=json_values.time(event.get("time")),
        far_hz=json_values.number(event.get("far")),
        instruments=values.texts(event.get("instruments")),
        group=values.text(event.get("group")),
        pipeline=values.text(event.get("pipeline")),
        search=values.text(event.get("search")),
        classification=values.probabilities(event.get("classification")),
        properties=values.probabilities(event.get("properties")),
        duration_s=json_values.number(event.get("duration")),
        central_frequency_hz=json_values.number(event.get("central_frequency")),
        mchirp_source=event.get("mchirp_source"),
        gracedb_url=_gracedb_url(document.get("urls"), trigger_id),
        external_coinc=coincidence,
        skymap_fits=fits,
        combined_skymap_fits=combined,
        skymap_cause=cause,
        payload=document,
        sha256=digest,
    )


def kind_of(trigger_id: str) -> str:
    """Return ``real``, ``mock`` or ``test`` for an event's name."""
    if trigger_id.startswith("MS"):
        return MOCK
    return REAL if trigger_id.startswith("S") else TEST


def _document(raw: bytes) -> dict[str, Any]:
    if len(raw) > MAX_NOTICE_BYTES:
        raise BadNotice("too_large", f"{len(raw)} bytes; at most {MAX_NOTICE_BYTES}")
    try:
        document = json_values.parse(raw)
    except (ValueError, RecursionError) as error:
        raise BadNotice("not_json", f"it is no JSON: {error}"[: values.MAX_TEXT]) from None
    if not isinstance(document, dict):
        raise BadNotice("not_json", f"it is {type(document).__name__}, not an object")
    return document


def _trigger_id(document: dict[str, Any]) -> str:
    found = document.get("superevent_id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise BadNotice("no_id", f"superevent_id is {_shown(found)}")
    return found


def _alert_type(document: dict[str, Any]) -> str:
    written = values.text(document.get("alert_type")) or "UNKNOWN"
    return written.upper() if written.upper() in ALERT_TYPES else written


def _gracedb_url(urls: Any, trigger_id: str) -> str:
    """Return the notice's link to the event, or where it must be; only HTTPS becomes a link."""
    link = urls.get("gracedb") if isinstance(urls, dict) else None
    is_link = isinstance(link, str) and _LINK.fullmatch(link)
    return str(link) if is_link else GRACEDB_URL.format(id=trigger_id)


def _coincidence(value: Any) -> tuple[Coincidence | None, bytes | None]:
    if not isinstance(value, dict):
        return None, None
    combined, _ = values.fits_file(value.pop("combined_skymap", None))
    notice_id = value.get("gcn_notice_id")
    found = Coincidence(
        observatory=values.text(value.get("observatory")),
        search=values.text(value.get("search")),
        ivorn=values.text(value.get("ivorn")),
        gcn_notice_id=values.text(str(notice_id) if isinstance(notice_id, int) else notice_id),
        time_difference_s=json_values.number(value.get("time_difference")),
        far_hz=json_values.number(value.get("time_coincidence_far")),
        sky_far_hz=json_values.number(value.get("time_sky_position_coincidence_far")),
    )
    return found, combined


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[: values.MAX_TEXT]
