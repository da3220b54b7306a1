"""Every metric as a table of ``docs/metrics.md``, made from what is declared."""

from collections.abc import Iterator
from pathlib import Path

from broker.config import ROOT
from broker.metrics import COUNTED, FACTS

PAGE = ROOT / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: made by manage.py metrics_table -->", "<!-- end of metrics -->"


def names() -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Return kind, labels and description of every metric, by the name that it is served under."""
    found: dict[str, tuple[str, tuple[str, ...], str]] = {}
    for counted in COUNTED:
        (family,) = counted.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found[name] = family.type, tuple(counted._labelnames), family.documentation  # noqa: SLF001 told nowhere else
    for fact in FACTS:
        found[fact.name] = "fact", fact.labels, fact.description
    return found


def lines() -> Iterator[str]:
    """Yield the table's lines."""
    yield "| name | labels | kind | what it says |"
    yield "|---|---|---|---|"
    for name, (kind, labels, text) in sorted(names().items()):
        told = ", ".join(f"`{label}`" for label in labels) or "–"
        yield f"| `{name}` | {told} | {kind} | {text} |"


def page(path: Path = PAGE) -> str:
    """Return the page with today's table in it."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{BEGIN}", "", *lines(), "", f"{END}{after}"])
