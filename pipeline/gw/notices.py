"""A GW notice (``igwn.gwalert``) as a plain value: everything that it says, or why it is refused.

What a notice must have is little (an id, a creation time, an event unless it is a retraction);
anything else that is missing or odd is None, and the notice goes on.
"""

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
MAX_TEXT = 200
"""Characters kept of a text of one line, such as a pipeline's name."""
MAX_NAMES = 50
"""Classes, properties or instruments kept of one notice; real ones have four."""
GRACEDB_URL = "https://gracedb.ligo.org/superevents/{id}/view/"

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,63}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Neither Postgres nor UTF-8 can hold them."""
_NO_MAP = "the notice has no map"
_LINK = re.compile(r"https://[^\s<>|\"]{1,500}")


class BadNotice(Exception):  # noqa: N818 it is the notice that is bad
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
    skymap_cause: str | None = _NO_MAP
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
    digest = hashlib.sha256(_canonical(document)).hexdigest()
    trigger_id = _trigger_id(document)
    alert_type = _alert_type(document)
    time_created = _time(document.get("time_created"))
    if time_created is None:
        raise BadNotice("bad_time", f"time_created is {_shown(document.get('time_created'))}")
    event = document.get("event")
    if not isinstance(event, dict):
        if alert_type != RETRACTION:
            raise BadNotice(
                "event_missing", f"event is {_shown(event)} in a notice of type {alert_type}"
            )
        event = {}
    fits, cause = _map(event.pop("skymap", None))
    coincidence, combined = _coincidence(document.get("external_coinc"))
    return Notice(
        trigger_id=trigger_id,
        alert_type=alert_type,
        time_created=time_created,
        kind=kind_of(trigger_id),
        significant=event.get("significant") is True,
        event_time=_time(event.get("time")),
        far_hz=_number(event.get("far")),
        instruments=_instruments(event.get("instruments")),
        group=_text(event.get("group")),
        pipeline=_text(event.get("pipeline")),
        search=_text(event.get("search")),
        classification=_probabilities(event.get("classification")),
        properties=_probabilities(event.get("properties")),
        duration_s=_number(event.get("duration")),
        central_frequency_hz=_number(event.get("central_frequency")),
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
        document = _storable(json.loads(raw, parse_constant=lambda _: None, parse_float=_finite))
    except (ValueError, RecursionError) as error:
        raise BadNotice("not_json", f"it is no JSON: {error}"[:MAX_TEXT]) from None
    if not isinstance(document, dict):
        raise BadNotice("not_json", f"it is {type(document).__name__}, not an object")
    return document


def _finite(digits: str) -> float | None:
    """Return a number; none for one beyond the largest, as 1e999 is Infinity by another name."""
    return _number(float(digits))


def _storable(value: Any) -> Any:
    """Return a JSON value with the characters replaced that no database takes."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _trigger_id(document: dict[str, Any]) -> str:
    found = document.get("superevent_id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise BadNotice("no_id", f"superevent_id is {_shown(found)}")
    return found


def _alert_type(document: dict[str, Any]) -> str:
    written = _text(document.get("alert_type")) or "UNKNOWN"
    return written.upper() if written.upper() in ALERT_TYPES else written


def _time(value: Any) -> datetime | None:
    """Return an ISO time in UTC, which is also meant where no zone is written."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _text(value: Any) -> str | None:
    """Return a text of one line."""
    return " ".join(value.split())[:MAX_TEXT] or None if isinstance(value, str) else None


def _instruments(value: Any) -> tuple[str, ...]:
    names = (_text(each) for each in (value if isinstance(value, list) else ()))
    return tuple(name for name in names if name)[:MAX_NAMES]


def _probabilities(value: Any) -> Mapping[str, float]:
    """Return the numbers from 0 to 1 by name; in one order, whatever the notice's."""
    if not isinstance(value, dict):
        return {}
    found = {
        name: number
        for key, each in sorted(value.items())
        if (name := _text(key)) and (number := _number(each)) is not None and 0 <= number <= 1
    }
    return dict(list(found.items())[:MAX_NAMES])


def _gracedb_url(urls: Any, trigger_id: str) -> str:
    """Return the notice's link to the event, or where it must be; only HTTPS becomes a link."""
    link = urls.get("gracedb") if isinstance(urls, dict) else None
    is_link = isinstance(link, str) and _LINK.fullmatch(link)
    return str(link) if is_link else GRACEDB_URL.format(id=trigger_id)


def _map(value: Any) -> tuple[bytes | None, str | None]:
    """Return the FITS file of a map in base64, or why there is none."""
    if value is None:
        return None, _NO_MAP
    if not isinstance(value, str):
        return None, f"the map is {type(value).__name__}, not base64"
    try:
        return base64.b64decode(value, validate=True), None
    except (binascii.Error, ValueError) as error:
        return None, f"the map is not base64: {error}"


def _coincidence(value: Any) -> tuple[Coincidence | None, bytes | None]:
    if not isinstance(value, dict):
        return None, None
    combined, _ = _map(value.pop("combined_skymap", None))
    notice_id = value.get("gcn_notice_id")
    found = Coincidence(
        observatory=_text(value.get("observatory")),
        search=_text(value.get("search")),
        ivorn=_text(value.get("ivorn")),
        gcn_notice_id=None if notice_id is None else _text(str(notice_id)),
        time_difference_s=_number(value.get("time_difference")),
        far_hz=_number(value.get("time_coincidence_far")),
        sky_far_hz=_number(value.get("time_sky_position_coincidence_far")),
    )
    return found, combined


def _shown(value: Any) -> str:
    return "missing" if value is None else repr(value)[:MAX_TEXT]
