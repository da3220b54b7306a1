"""VOEvent packets for tests, made of what a test cares about."""

from typing import Any
from xml.sax.saxutils import quoteattr

_SENDERS = {"swift": "nasa.gsfc.gcn/SWIFT", "svom": "org.svom/fsc"}


def packet(
    packet_type: int | str | None = 61,
    *,
    mission: str = "swift",
    trigger: str | None = "1423875",
    number: int = 1,
    role: str = "observation",
    place: tuple[Any, ...] | None = (330.2169, -9.167, 0.05),
    time: str | None = "2025-12-14T09:02:17.54",
    name: str | None = "GRB 251214",
    ivorn: str | None = None,
    **params: Any,
) -> bytes:
    """Return a packet; what is None is left out."""
    trigger_name = "TrigID" if mission == "swift" else "Burst_Id"
    named = {"Packet_Type": packet_type, trigger_name: trigger, **params}
    listed = "".join(
        f"<Param name={quoteattr(key)} value={quoteattr(str(value))} />"
        for key, value in named.items()
        if value is not None
    )
    found = f"ivo://{_SENDERS[mission]}#{trigger}-{packet_type}-{number}"
    called = f"ivorn={quoteattr(found if ivorn is None else ivorn)}"
    return (
        "<?xml version='1.0' encoding='UTF-8'?>"
        '<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" '
        f"role={quoteattr(role)} {called}>"
        f"<What><Group name='One'>{listed}</Group></What>"
        f"<WhereWhen>{_when(time)}{_where(place)}</WhereWhen>{_why(name)}</voe:VOEvent>"
    ).encode()


def _when(time: str | None) -> str:
    return (
        "" if time is None else f"<Time><TimeInstant><ISOTime>{time}</ISOTime></TimeInstant></Time>"
    )


def _where(place: tuple[Any, ...] | None) -> str:
    if place is None:
        return ""
    names = ("C1", "C2")
    values = "".join(f"<{n}>{v}</{n}>" for n, v in zip(names, place, strict=False))
    error = f"<Error2Radius>{place[2]}</Error2Radius>" if len(place) > 2 else ""
    return f"<Position2D unit='deg'><Value2>{values}</Value2>{error}</Position2D>"


def _why(name: str | None) -> str:
    return "" if name is None else f"<Why><Inference><Name>{name}</Name></Inference></Why>"
