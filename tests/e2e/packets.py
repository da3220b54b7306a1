"""Single packets at chosen places, the catalogs around them, and what came out for each alert."""

import math
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from broker.kafka_types import Message
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from tests.e2e.published import Published
from tests.e2e.system import ACCOUNTED_WITHIN_S, System, make_input_topic

JD_UTC = 2461254.75
ZTF_CANDID = 3_500_000_000_000_000_000
LSST_SOURCE = 1 << 57
LSST_OBJECT = 170_028_496_585_752_654
MAG = {"ztf": 18.5, "lsst": 21.0}
"""Of every packet made here [AB mag]."""

DELIVERY_NAMESPACE = uuid.UUID("c6ddbd4d-5e2d-5f5c-90de-52137f59a1bb")
"""Of "nightjar.delivery" in the OID namespace; consumers rely on the ids made from it."""

Place = tuple[float, float]
"""Right ascension and declination [deg]."""


@dataclass(frozen=True)
class Packet:
    """One packet, and what a consumer must know it by."""

    survey: str
    candid: int
    object_id: str
    place: Place
    jd_utc: float
    programid: int
    value: bytes


def ztf(
    number: int, place: Place, *, object_number: int | None = None, day: float = 0.0, **fields: Any
) -> Packet:
    """Return ZTF's packet ``number``; fields have the names of the packet's candidate."""
    name = ztf_name(number if object_number is None else object_number)
    jd_utc = JD_UTC + day
    value = make_ztf_packet(
        object_id=name, candid=ZTF_CANDID + number, ra=place[0], dec=place[1], jd=jd_utc,
        has_cutouts=False, **fields,
    )  # fmt: skip
    return Packet(
        "ztf", ZTF_CANDID + number, name, place, jd_utc, fields.get("programid", 1), value
    )


def lsst(
    number: int, place: Place, *, object_number: int | None = None, day: float = 0.0, **fields: Any
) -> Packet:
    """Return LSST's packet ``number``; fields have the names of the packet's diaSource."""
    object_id = LSST_OBJECT + (number if object_number is None else object_number)
    jd_utc = JD_UTC + day
    asked = {"diaObjectId": 0 if "designation" in fields else object_id, **fields}
    value = make_lsst_packet(
        diaSourceId=LSST_SOURCE + number, ra=place[0], dec=place[1], jd=jd_utc,
        has_cutouts=False, **asked,
    )  # fmt: skip
    return Packet("lsst", LSST_SOURCE + number, str(object_id), place, jd_utc, 1, value)


MAKERS = {"ztf": ztf, "lsst": lsst}
OTHER = {"ztf": "lsst", "lsst": "ztf"}


def ztf_name(number: int) -> str:
    """Return the name of ZTF's object ``number``."""
    return "ZTF26" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:07d}")


def inside(number: int) -> Place:
    """Return a place inside the point-source catalog's footprint; others are 3′ away or more."""
    return 150 + 0.05 * (number % 50), 5 + 0.05 * (number // 50)


def outside(number: int) -> Place:
    """Return a place in the Milky Way's plane, as far from others, in reach of both surveys."""
    return 285 + 0.05 * (number % 50), 1 + 0.05 * (number // 50)


def away(place: Place, separation_arcsec: float, angle_deg: float = 90.0) -> Place:
    """Return the place that far away; eastward, or at another position angle."""
    found = SkyCoord(*place, unit="deg").directional_offset_by(
        angle_deg * units.deg, separation_arcsec * units.arcsec
    )
    return float(found.ra.deg), float(found.dec.deg)


def flux(survey: str) -> float:
    """Return MAG as psfFlux of the public messages.

    Rubin's is in nJy with zero point 31.4; the published client divides by 10⁹ and takes ZTF's
    zero point to be 23.9, which makes it 10⁶ times as large (babamul.md 7.4).
    """
    if survey == "ztf":
        return math.pow(10, -0.4 * (MAG["ztf"] - 23.9)) * 1e9
    return math.pow(10, -0.4 * (MAG["lsst"] - 31.4))


def sender(system: System) -> Callable[[Iterable[Packet]], int]:
    """Return what sends packets to this system's input topics; these are made at once."""
    make_once = cache(partial(make_input_topic, system))
    for programid in (1, 2, 3):
        make_once("ztf", programid=programid)
    make_once("lsst")

    def send(packets: Iterable[Packet]) -> int:
        return system.send(
            Message(
                make_once("lsst")
                if one.survey == "lsst"
                else make_once("ztf", programid=one.programid),
                None,
                one.value,
                [],
            )
            for one in packets
        )

    return send


def wait_until_worked(system: System, packets: int, within_s: float = ACCOUNTED_WITHIN_S) -> None:
    """Wait until the ranges of all packets are done and committed; cheaper than the books."""
    give_up_at = time.monotonic() + within_s
    while not system._is_settled(packets):
        assert time.monotonic() < give_up_at, system._why(packets)
        time.sleep(0.1)


def load_catalog(
    system: System, folder: Path, name: str, header: str, rows: Iterable[Sequence[Any]]
) -> None:
    """Load rows as the catalog ``name``."""
    file = folder / f"{name}.csv"
    file.write_text("\n".join((header, *(",".join(map(str, row)) for row in rows))) + "\n")
    system.manage("load_catalog", name, str(file))


LSPSC_HEADER = "ra,dec,score,mag_white,id"


def point(packet: Packet) -> dict[str, Any]:
    """Return a packet's detection as the light curves of messages show it."""
    brightness = flux(packet.survey)
    return {
        "jd": pytest.approx(packet.jd_utc, abs=1e-8),
        "psfFlux": pytest.approx(brightness, rel=1e-6),
        "psfFluxErr": pytest.approx(0.05 / 1.0857362 * brightness, rel=1e-4),
        "band": "r",
        "ra": pytest.approx(packet.place[0], abs=1e-9),
        "dec": pytest.approx(packet.place[1], abs=1e-9),
    }


def match(*packets: Packet) -> dict[str, Any]:
    """Return one object's public packets, oldest first, as ``survey_matches`` shows them."""
    first = packets[0]
    return {
        "objectId": first.object_id,
        "ra": pytest.approx(first.place[0], abs=1e-9),
        "dec": pytest.approx(first.place[1], abs=1e-9),
        "prv_candidates": [point(one) for one in packets],
        "prv_nondetections": [],
        "fp_hists": [],
    }


def by_candid(published: Iterable[Published]) -> dict[int, list[Published]]:
    """Return the messages of each alert."""
    found: defaultdict[int, list[Published]] = defaultdict(list)
    for message in published:
        found[int(message.headers["candid"])].append(message)
    return found


def delivery_id(message: Published) -> str:
    """Return the id that a message must bear."""
    name = f"{message.headers['survey']}:{message.headers['candid']}:{message.topic}"
    return str(uuid.uuid5(DELIVERY_NAMESPACE, name))
