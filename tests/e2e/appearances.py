"""One object as both surveys meet it on days 1, 3, 5, 7 and 7, in all its variants.

The expected topics and light curves stand in the tables as the public rules have them (babamul.md
5.4 to 5.6); nothing is computed with our rules.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from pipeline import topics
from tests.e2e.packets import MAKERS, OTHER, Packet, Place, away, inside, match, outside

DAYS = (1.0, 3.0, 5.0, 7.0, 7.01)
"""On the seventh day both surveys look, one after the other."""

STAR = {"sgscore1": 0.95, "distpsnr1": 0.1, "srmag1": 18.0}
GALAXY = {"sgscore1": 0.1, "distpsnr1": 3.0, "srmag1": 18.0}
AROUND = {
    "stellar": (STAR, [(0.1, 0.95, 18.0)]),
    "hosted": (GALAXY, [(3.0, 0.1, 18.0)]),
    "hostless": ({}, []),
    "unknown": ({}, []),
}
"""Fields of ZTF's packets, and LSPSC's rows (separation, score, magnitude)."""


@dataclass(frozen=True)
class Seen:
    """One day's alert, and what its message must say; of no topic where it is not public.

    Attributes
    ----------
    survey : str
        Who sees it.
    topic : str or None
        Below ``babamul.SURVEY``.
    curve : tuple of int
        The matched object's alerts, as places in the variant's days from 0.
    arcsec : float
        East of the variant's place.
    programid : int
        ZTF's.
    obj : int
        Tells objects of one survey apart.
    has_copy : bool
        On ``babamul.none`` too.
    """

    survey: str
    topic: str | None
    curve: tuple[int, ...] = ()
    arcsec: float = 0.0
    programid: int = 1
    obj: int = 0
    has_copy: bool = False


@dataclass(frozen=True)
class Variant:
    """One object of the sky."""

    name: str
    around: str
    days: tuple[Seen | None, ...]
    place: Place | None = None


def lsst_first(alert_class: str, ztf_class: str = "", *, copy: bool = False, **ztf: Any) -> tuple:
    """Return the seed's five days, as its table has them."""
    lsst, of_ztf = alert_class, ztf_class or alert_class
    return (
        Seen("lsst", f"no-ztf-match.{lsst}", has_copy=copy),
        Seen("ztf", f"lsst-match.{of_ztf}", (0,), **ztf),
        Seen("lsst", f"ztf-match.{lsst}", (1,)),
        Seen("ztf", f"lsst-match.{of_ztf}", (0, 2), **ztf),
        Seen("lsst", f"ztf-match.{lsst}", (1, 3)),
    )


def ztf_first(alert_class: str, *, copy: bool = False, **lsst: Any) -> tuple:
    """Return the five days with the surveys' parts changed."""
    return (
        Seen("ztf", f"no-lsst-match.{alert_class}", has_copy=copy),
        Seen("lsst", f"ztf-match.{alert_class}", (0,), **lsst),
        Seen("ztf", f"lsst-match.{alert_class}", (1,)),
        Seen("lsst", f"ztf-match.{alert_class}", (0, 2), **lsst),
        Seen("ztf", f"lsst-match.{alert_class}", (1, 3)),
    )


def strangers(first: str, alert_class: str, arcsec: float) -> tuple:
    """Return five days of two objects too far apart to be one."""
    second = OTHER[first]
    near = Seen(first, f"no-{second}-match.{alert_class}")
    far = Seen(second, f"no-{first}-match.{alert_class}", arcsec=arcsec)
    return (near, far, near, far, near)


NON_PUBLIC = Seen("ztf", None, programid=2)
LONE_LSST = Seen("lsst", "no-ztf-match.stellar")

VARIANTS = (
    Variant("stellar", "stellar", lsst_first("stellar")),
    Variant("stellar-mirrored", "stellar", ztf_first("stellar")),
    Variant("hosted", "hosted", lsst_first("hosted")),
    Variant("hosted-mirrored", "hosted", ztf_first("hosted")),
    Variant("hostless", "hostless", lsst_first("hostless", copy=True)),
    Variant("hostless-mirrored", "hostless", ztf_first("hostless", copy=True)),
    Variant("unknown", "unknown", lsst_first("unknown", "hostless"), outside(1)),
    Variant("1.9-arcsec", "hosted", lsst_first("hosted", arcsec=1.9)),
    Variant("1.9-arcsec-mirrored", "hosted", ztf_first("hosted", arcsec=1.9)),
    Variant("2.1-arcsec", "hosted", strangers("lsst", "hosted", 2.1)),
    Variant("2.1-arcsec-mirrored", "hosted", strangers("ztf", "hosted", 2.1)),
    Variant("across-ra-0", "hosted", lsst_first("hosted", arcsec=0.72), (359.9999, 0.0)),
    Variant("across-ra-0-mirrored", "hosted", ztf_first("hosted", arcsec=0.72), (359.9999, 1.0)),
    Variant(
        "kept-beyond-2-arcsec",
        "hosted",
        (
            Seen("ztf", "no-lsst-match.hosted"),
            Seen("lsst", "ztf-match.hosted", (0,), arcsec=1.9),
            Seen("lsst", "ztf-match.hosted", (0,), arcsec=2.1),
            Seen("ztf", "lsst-match.hosted", (1, 2)),
            Seen("lsst", "ztf-match.hosted", (0, 3), arcsec=2.1),
        ),
    ),
    Variant(
        "found-late",
        "hosted",
        (
            Seen("ztf", "no-lsst-match.hosted"),
            Seen("lsst", "no-ztf-match.hosted", arcsec=2.1),
            Seen("lsst", "ztf-match.hosted", (0,), arcsec=1.9),
            Seen("lsst", "ztf-match.hosted", (0,), arcsec=2.1),
            Seen("ztf", "lsst-match.hosted", (1, 2, 3)),
        ),
    ),
    Variant(
        "nearer-object-replaces",
        "hosted",
        (
            Seen("ztf", "no-lsst-match.hosted", arcsec=1.8),
            Seen("lsst", "ztf-match.hosted", (0,)),
            Seen("ztf", "lsst-match.hosted", (1,), arcsec=-0.5, obj=1),
            Seen("lsst", "ztf-match.hosted", (2,)),
            None,
        ),
    ),
    Variant(
        "non-public-on-day-3",
        "stellar",
        (LONE_LSST, NON_PUBLIC, LONE_LSST, NON_PUBLIC, LONE_LSST),
    ),
    Variant(
        "public-only-from-day-7",
        "stellar",
        (
            LONE_LSST,
            NON_PUBLIC,
            LONE_LSST,
            Seen("ztf", "lsst-match.stellar", (0, 2)),
            Seen("lsst", "ztf-match.stellar", (3,)),
        ),
    ),
)


@dataclass(frozen=True)
class Step:
    """One packet of a variant's day and what must come of it."""

    name: str
    day: int
    seen: Seen
    packet: Packet
    match: dict[str, Any] | None

    @property
    def topics(self) -> list[str]:
        """Return where its messages must be."""
        if self.seen.topic is None:
            return []
        return [f"babamul.{self.seen.survey}.{self.seen.topic}"] + (
            [topics.NONE_TOPIC] if self.seen.has_copy else []
        )


def place_of(number: int, variant: Variant) -> Place:
    return variant.place or inside(number)


def steps(number: int, variant: Variant, numbers: Iterator[int]) -> Iterator[Step]:
    place = place_of(number, variant)
    packets: list[Packet] = []
    for day, seen in enumerate(variant.days):
        if seen is None:
            continue
        fields = {**AROUND[variant.around][0], "programid": seen.programid}
        packet = MAKERS[seen.survey](
            next(numbers),
            away(place, seen.arcsec),
            object_number=2 * number + seen.obj,
            day=DAYS[day],
            **(fields if seen.survey == "ztf" else {}),
        )
        packets.append(packet)
        found = match(*(packets[at] for at in seen.curve)) if seen.curve else None
        yield Step(f"{variant.name}-day-{DAYS[day]:g}-{seen.survey}", day, seen, packet, found)


NUMBERS = count(1)
STEPS = [step for number, one in enumerate(VARIANTS) for step in steps(number, one, NUMBERS)]
