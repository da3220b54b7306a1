"""The alerts that the cases of the rules turn into: packets, catalog rows, and expected topics."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.e2e.category_cases import GATES, LSST, ZTF, Category, Gated
from tests.e2e.packets import MAKERS, OTHER, Packet, Place, away, inside, outside

PARTNER_ARCSEC = 0.6
PARTNER_DAY = -1.0

numbers = count(1)


@dataclass(frozen=True)
class Judged:
    """One alert, what stands around it, and the topics it must reach.

    Attributes
    ----------
    name : str
        For the test's id.
    alert : Packet
        What is judged.
    topics : set of str
        Where its messages must be.
    partner : Packet or None
        The object that its message must name.
    before : tuple of Packet
        Sent and accounted for before it.
    rows : tuple
        Of LSPSC.
    archival : Place or None
        Row of another catalog.
    properties, candidate : dict
        Values that the message must bear.
    reason : str or None
        Why it is gated.
    """

    name: str
    alert: Packet
    topics: set[str]
    partner: Packet | None = None
    before: tuple[Packet, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    archival: Place | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    candidate: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None


def class_topic(survey: str, alert_class: str, *, is_matched: bool) -> str:
    return f"babamul.{survey}.{'' if is_matched else 'no-'}{OTHER[survey]}-match.{alert_class}"


def partner_of(survey: str, place: Place, number: int, **fields: Any) -> Packet:
    """Return an earlier alert of the other survey, beside the place."""
    return MAKERS[OTHER[survey]](number, away(place, PARTNER_ARCSEC), day=PARTNER_DAY, **fields)


def in_category(category: Category, *, is_matched: bool, is_boom: bool = False) -> Judged:
    number = next(numbers)
    place = (outside if category.is_outside else inside)(number)
    alert = MAKERS[category.survey](number, place, **category.fields)
    partner = partner_of(category.survey, place, number) if is_matched else None
    alert_class = category.boom_class if is_boom else category.alert_class
    is_second = category.is_lonely and alert_class == "hostless" and not is_matched
    kind = f"{'' if is_matched else 'no-'}{OTHER[category.survey]}-match"
    return Judged(
        f"{category.survey}-{category.name}-{'boom' if is_boom else kind}",
        alert,
        {class_topic(category.survey, alert_class, is_matched=is_matched)}
        | ({"babamul.none"} if is_second else set()),
        partner,
        (partner,) if partner else (),
        tuple((*away(place, row[0], 0.0), *row[1:]) for row in category.rows),
        properties={
            "rock": False,
            "star": category.star,
            "near_brightstar": category.near_brightstar,
        },
        candidate={name: value for name, value in category.fields.items() if value is not None},
    )


def at_gate(gated: Gated, *, is_open: bool = False) -> Judged:
    number = next(numbers)
    alert = MAKERS[gated.survey](number, inside(number), **gated.fields)
    reason = gated.open_reason if is_open else gated.reason
    hostless = {class_topic(gated.survey, "hostless", is_matched=False), "babamul.none"}
    return Judged(
        f"{gated.survey}-{gated.name}-{'open' if is_open else 'default'}",
        alert,
        set() if reason else hostless,
        properties={"rock": gated.rock, "star": False, "near_brightstar": False},
        reason=reason,
    )


def beside(
    name: str, survey: str, *others: dict[str, Any], is_matched: bool, one_object: bool = False
) -> Judged:
    """Return an alert with nothing around it but the other survey's alerts."""
    number = next(numbers)
    place = inside(number)
    before = tuple(
        partner_of(
            survey, place, next(numbers), object_number=number if one_object else None, **one
        )
        for one in others
    )
    matched = {class_topic(survey, "hostless", is_matched=True)}
    lonely = {class_topic(survey, "hostless", is_matched=False), "babamul.none"}
    return Judged(
        f"{survey}-beside-{name}",
        MAKERS[survey](number, place),
        matched if is_matched else lonely,
        before[0] if is_matched else None,
        before,
    )


def near_archival(survey: str, separation_arcsec: float, *, has_copy: bool) -> Judged:
    number = next(numbers)
    topic = class_topic(survey, "hostless", is_matched=False)
    return Judged(
        f"{survey}-archival-at-{separation_arcsec}",
        MAKERS[survey](number, inside(number)),
        {topic, "babamul.none"} if has_copy else {topic},
        archival=away(inside(number), separation_arcsec, 200.0),
    )


CASES = [
    *(in_category(one, is_matched=matched) for one in (*LSST, *ZTF) for matched in (False, True)),
    *(at_gate(one) for one in GATES),
    beside("non-public", "lsst", {"programid": 2}, is_matched=False),
    beside("public-and-non-public", "lsst", {}, {"programid": 3}, is_matched=True, one_object=True),
    beside("low-drb", "lsst", {"drb": 0.1}, is_matched=True),
    beside("pixel-flags", "ztf", {"pixelFlags": True}, is_matched=True),
    beside("ss-object", "ztf", {"designation": "K26A02B"}, is_matched=False),
    *(
        near_archival(survey, separation, has_copy=has_copy)
        for survey in ("ztf", "lsst")
        for separation, has_copy in ((1.9, False), (2.1, True))
    ),
]
OF_PRESETS = [
    *(in_category(one, is_matched=False, is_boom=True) for one in (*LSST, *ZTF)),
    *(at_gate(one, is_open=True) for one in GATES),
]
ALL = [*CASES, *OF_PRESETS]
