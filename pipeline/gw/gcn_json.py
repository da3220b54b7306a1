"""Messages of GCN's unified JSON schema, read leniently: what is missing or odd is None.

The schema is nasa-gcn/gcn-schema; its missions fill it in differently (an id may be a text or a
list of texts, an error a radius or an ellipse).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG

HEARTBEAT_TOPIC = "gcn.heartbeat"
CIRCULARS_TOPIC = "gcn.circulars"
LONGEST_NAME = 200
"""Characters of names and ids; longer ones are cut."""

_MAPS = frozenset({"healpix_file", "skymap"})
"""Fields with a whole sky map in base64."""
_SUPEREVENT = re.compile(r"\b[MT]?S\d{6}[a-z]{1,5}\b")


@dataclass(frozen=True)
class GcnMessage:
    """What a list of messages shows of one of them.

    Attributes
    ----------
    notice_id : str or None
        The sender's; several are joined by a comma.
    name : str or None
        Of the event or the target; several are joined by a comma. Of a circular, its subject.
    tense : str or None
        ``current``, ``archival``, ``planned``, ``injection``, ``commanded`` or ``test``.
    ra_deg, dec_deg : float or None
        ICRS.
    error_deg : float or None
        Radius, or the larger half axis of an ellipse, as the sender gave it.
    trigger_id : str or None
        The GW event that it names.
    payload : dict
        The message without sky maps.
    """

    notice_id: str | None
    name: str | None
    tense: str | None
    ra_deg: float | None
    dec_deg: float | None
    error_deg: float | None
    trigger_id: str | None
    payload: dict[str, Any]

    @property
    def is_real(self) -> bool:
        """Whether it tells what is happening now: an absent tense means that it does."""
        return self.tense in {None, "current"}


def parse_gcn(document: Mapping[str, Any]) -> GcnMessage:
    """Return what a message says, of whichever mission it is; never fails on a missing field."""
    place = _place(document)
    error = place.get("ra_dec_error")
    radii = [
        _degrees(each, 0, FULL_CIRCLE_DEG)
        for each in (error[:2] if isinstance(error, list) else [error])
    ]
    ra_deg = _degrees(place.get("ra"), 0, FULL_CIRCLE_DEG)
    dec_deg = _degrees(place.get("dec"), -POLE_DEG, POLE_DEG)
    is_on_sky = ra_deg is not None and dec_deg is not None
    return GcnMessage(
        notice_id=_text(document.get("id", document.get("circularId"))),
        name=_name(document),
        tense=_text(document.get("alert_tense")),
        ra_deg=ra_deg if is_on_sky else None,
        dec_deg=dec_deg if is_on_sky else None,
        error_deg=max(filter(None, radii), default=None),
        trigger_id=_trigger_id(document),
        payload={name: value for name, value in document.items() if name not in _MAPS},
    )


def _name(document: Mapping[str, Any]) -> str | None:
    if (given := _text(document.get("event_name"))) is not None:
        return given
    if (subject := _text(document.get("subject"))) is not None:
        return subject
    return _text([target.get("event_name") for target in _targets(document)])


def _place(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return where position and error stand: at the top, in a direction, or in the only target."""
    if "ra" in document:
        return document
    direction = document.get("most_probable_direction")
    if isinstance(direction, Mapping):
        return direction
    targets = list(_targets(document))
    return targets[0] if len(targets) == 1 else {}


def _targets(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    inside = document.get("data")
    targets = inside.get("targets") if isinstance(inside, Mapping) else None
    for target in targets if isinstance(targets, list) else []:
        if isinstance(target, Mapping):
            yield target


def _trigger_id(document: Mapping[str, Any]) -> str | None:
    """Return the first GW event named where senders name what a message is about."""
    for text in _subjects(document):
        if found := _SUPEREVENT.search(text):
            return found[0]
    return None


def _subjects(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("ref_ID", "eventId", "subject", "follow_up_event"):
        if isinstance(text := document.get(name), str):
            yield text
    for target in _targets(document):
        matches = target.get("gcn_crossmatch")
        for match in matches if isinstance(matches, list) else []:
            if isinstance(match, Mapping) and isinstance(text := match.get("ref_ID"), str):
                yield text


def _text(value: Any) -> str | None:
    """Return a name or a number as text, several joined by a comma."""
    values: Iterable[Any] = value if isinstance(value, list) else [value]
    texts = [str(each) for each in values if isinstance(each, str | int) and str(each).strip()]
    return ", ".join(texts)[:LONGEST_NAME] or None


def _degrees(value: Any, least: float, most: float) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and least <= value <= most else None
