"""VOEvent packets of Swift and SVOM, read field by field; what a packet does not say is None.

VOEvent 2.0 is an IVOA recommendation; the names of the parameters are those of the GCN's Swift
notices and of SVOM's.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.angles import FULL_CIRCLE_DEG, POLE_DEG
from pipeline.gw.notices import BadNotice

MAX_PACKET_BYTES = 2**20
SWIFT = "swift"
SVOM = "svom"
BAT_POSITION = 61
XRT_POSITION = 67
UVOT_POSITION = 81
ECLAIRS_WAKEUP = 202
SLEW_ACCEPTED = 204
SLEW_REJECTED = 205
MXT_POSITION = 209
PACKET_TYPES = {
    SWIFT: frozenset({BAT_POSITION, XRT_POSITION, UVOT_POSITION}),
    SVOM: frozenset({ECLAIRS_WAKEUP, SLEW_ACCEPTED, SLEW_REJECTED, MXT_POSITION}),
}
"""What we follow, by mission."""
INSTRUMENTS = {
    BAT_POSITION: "BAT",
    XRT_POSITION: "XRT",
    UVOT_POSITION: "UVOT",
    ECLAIRS_WAKEUP: "ECLAIRs",
    MXT_POSITION: "MXT",
}
ROLES = ("observation", "test", "utility", "prediction")
"""Of the recommendation."""
LONGEST_ID = 64
CENTIMAG = 100.0
"""Swift's magnitudes come in units of 0.01 mag."""

_MISSIONS = {("nasa.gsfc.gcn", "SWIFT"): SWIFT, ("org.svom", "fsc"): SVOM}
"""By authority and stream of the packet's name, ``ivo://authority/stream#packet``."""
_IVORN = re.compile(r"ivo://(?P<authority>[^/#\s]+)/(?P<stream>[^#\s]*)#\S+")
_ID = re.compile(rf"[A-Za-z0-9._:+-]{{1,{LONGEST_ID}}}")
_RATE_TRIGGER = "CRT"
_IMAGE_TRIGGER = "IMT"
_WARNINGS = {
    "Def_NOT_a_GRB": "definitely not a GRB",
    "Target_in_Flt_Catalog": "a source of the catalog on board",
    "Target_in_Gnd_Catalog": "a source of the catalog on the ground",
    "Target_in_Blk_Catalog": "a source of the catalog of blocked ones",
    "StarTrack_Lost_Lock": "the star tracker had lost its lock: the position may be wrong",
}
"""Flags of Swift's packets that people must see."""


class Cone(NamedTuple):
    """A position (ICRS) and the radius of its error circle [deg]; 90 % by the missions' custom."""

    ra_deg: float
    dec_deg: float
    error_deg: float | None


@dataclass(frozen=True)
class VoEvent:
    """One packet about one gamma-ray burst.

    Attributes
    ----------
    ivorn : str
        The packet's own name; two packets never share it.
    trigger_id : str
        The burst's number at its mission.
    mission : str or None
        ``swift``, ``svom``, or None where the sender is neither.
    packet_type : int or None
        The missions' number for what the packet says.
    role : str
        One of ``ROLES``; what is none of them is taken as a test.
    is_test : bool
        Not an observation by role, or a test submission by flag.
    trigger_time : datetime or None
        UTC.
    grb_name : str or None
        Without "GRB"; the date of the trigger where the mission gave none.
    rate_significance_sigma, image_significance_sigma : float or None
        Of the detection in the count rate, and in the image.
    duration_s : float or None
        Length of the stretch in which it was detected, not of the burst.
    burst_mag, burst_mag_error : float or None
        UVOT's magnitude (Vega).
    slew_status : str or None
        In SVOM's words.
    warnings : tuple of str
        What people must know before they trust it.
    """

    ivorn: str
    trigger_id: str
    mission: str | None
    packet_type: int | None
    role: str
    is_test: bool
    trigger_time: datetime | None
    position: Cone | None
    grb_name: str | None
    rate_significance_sigma: float | None
    image_significance_sigma: float | None
    duration_s: float | None
    burst_mag: float | None
    burst_mag_error: float | None
    slew_status: str | None
    warnings: tuple[str, ...]

    @property
    def is_followed(self) -> bool:
        """Whether it is of a mission and a kind that threads are made of."""
        return self.packet_type in PACKET_TYPES.get(self.mission or "", ())

    @property
    def instrument(self) -> str | None:
        """Name of the instrument that found the position, where the kind of packet tells it."""
        return INSTRUMENTS.get(self.packet_type or 0)


def parse_voevent(packet: bytes) -> VoEvent:
    """Read one packet.

    Raises
    ------
    BadNotice
        If the bytes are too many, no XML (a document type or an entity counts as none: packets
        have no use for them), no VOEvent, or do not say which burst they are about.
    """
    root = _root(packet)
    # The recommendation demands a name; a burst is not lost for the want of one.
    ivorn = root.get("ivorn", "").strip() or f"sha256:{hashlib.sha256(packet).hexdigest()}"
    values = _parameters(root)
    mission = _mission(ivorn)
    trigger_time, time_warning = _trigger_time(root)
    position, position_warning = _position(root)
    flags = tuple(text for name, text in _WARNINGS.items() if _is_true(values, name))
    role = root.get("role", ROLES[0])  # the recommendation's default
    return VoEvent(
        ivorn=ivorn,
        trigger_id=_trigger_id(ivorn, values),
        mission=mission,
        packet_type=_integer(values.get("Packet_Type")),
        role=role if role in ROLES else "test",
        is_test=role != ROLES[0] or _is_true(values, "Test_Submission"),
        trigger_time=trigger_time,
        position=position,
        grb_name=_grb_name(root, trigger_time),
        rate_significance_sigma=_significance(values, "Rate_Signif", _RATE_TRIGGER),
        image_significance_sigma=_significance(values, "Image_Signif", _IMAGE_TRIGGER),
        duration_s=_number(values.get("Timescale", values.get("Integ_Time"))),
        burst_mag=_magnitude(values, "Burst_Mag"),
        burst_mag_error=_magnitude(values, "Mag_Error"),
        slew_status=values.get("Slew_Status"),
        warnings=(*flags, *time_warning, *position_warning),
    )


def _root(packet: bytes) -> Element:
    if len(packet) > MAX_PACKET_BYTES:
        raise BadNotice("too_large", f"{len(packet)} bytes; the limit is {MAX_PACKET_BYTES}")
    try:
        root: Element = fromstring(packet, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise BadNotice("not_xml", f"no XML that we read: {error!r}") from error
    if root.tag.rpartition("}")[2] != "VOEvent":
        raise BadNotice("not_xml", f"the document is a {root.tag!r:.60}, not a VOEvent")
    return root


def _parameters(root: Element) -> dict[str, str]:
    """Return the values of What by name, of groups too; the first of a name counts."""
    what = root.find("What")
    found: dict[str, str] = {}
    for param in () if what is None else what.iter("Param"):
        name, value = param.get("name"), (param.get("value") or "").strip()
        if name and value:
            found.setdefault(name, value)
    return found


def _mission(ivorn: str) -> str | None:
    name = _IVORN.fullmatch(ivorn)
    return None if name is None else _MISSIONS.get((name["authority"], name["stream"]))


def _trigger_id(ivorn: str, values: Mapping[str, str]) -> str:
    packet = ivorn.rpartition("#")[2] if "#" in ivorn else ""
    for candidate in (values.get("TrigID"), values.get("Burst_Id"), packet):
        if candidate and _ID.fullmatch(candidate):
            return candidate
    raise BadNotice("no_id", f"neither TrigID nor Burst_Id, nor an id in the name {ivorn!r:.100}")


def _trigger_time(root: Element) -> tuple[datetime | None, tuple[str, ...]]:
    text = root.findtext(".//WhereWhen//ISOTime")
    if text is None or not text.strip():
        return None, ()
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None, (f"the time of the trigger cannot be read: {text.strip()!r:.40}",)
    return (found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)), ()


def _position(root: Element) -> tuple[Cone | None, tuple[str, ...]]:
    where = root.find(".//WhereWhen//Position2D")
    if where is None:
        return None, ()
    texts = [where.findtext(name) for name in ("Value2/C1", "Value2/C2", "Error2Radius")]
    ra_deg, dec_deg, error_deg = (_number(text) for text in texts)
    if ra_deg is None or dec_deg is None:
        return None, ()
    if not (0 <= ra_deg <= FULL_CIRCLE_DEG and -POLE_DEG <= dec_deg <= POLE_DEG):
        return None, (f"the position lies off the sky: {ra_deg} {dec_deg}",)
    return Cone(ra_deg, dec_deg, error_deg if error_deg and error_deg > 0 else None), ()


def _grb_name(root: Element, trigger_time: datetime | None) -> str | None:
    given = (root.findtext("Why/Inference/Name") or "").strip()
    if given:
        return given.removeprefix("GRB").strip()[:LONGEST_ID] or None
    return None if trigger_time is None else trigger_time.strftime("%y%m%d")


def _significance(values: Mapping[str, str], swifts: str, svoms_trigger: str) -> float | None:
    """Return Swift's figure, or SVOM's only one where its trigger was of this sort [sigma]."""
    if swifts in values:
        return _number(values[swifts])
    return _number(values.get("SNR")) if values.get("Trigger_Type") == svoms_trigger else None


def _magnitude(values: Mapping[str, str], name: str) -> float | None:
    centimag = _number(values.get(name))
    return None if centimag is None else centimag / CENTIMAG


def _is_true(values: Mapping[str, str], name: str) -> bool:
    return values.get(name, "").lower() == "true"


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _integer(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number.is_integer() else None
