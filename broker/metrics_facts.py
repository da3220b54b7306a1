"""Facts about servers for Prometheus, asked for by the one process ``manage.py metrics``.

A scrape begins what is due and takes what was found before: nobody waits for a server. A source
that cannot be asked loses its facts, and ``facts_known`` says so: an old number would look well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

from broker import metrics
from broker.config import config
from broker.kept import SHARE, Kept, Seen
from broker.metrics import Fact
from broker.prometheus import Collector, GaugeMetricFamily

STALE = 3
"""A look that is older than so many periods says nothing any more; see ``Kept`` for a period."""
MODULES = (
    "broker.metrics_parts",
    "accounts.metrics_people",
    "pipeline.watch.metrics_flows",
    "pipeline.watch.metrics_streams",
)
"""Each has a function ``sources``; a flow adds its line here."""


class Told(NamedTuple):
    """One value of a fact."""

    fact: Fact
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Something that is asked as one: it is known whole, or not at all.

    Attributes
    ----------
    name : str
        As ``facts_known`` has it.
    look : callable
        Returns what it found; may take seconds and may fail.
    """

    name: str
    look: Callable[[], Iterable[Told]]


def sources() -> tuple[Source, ...]:
    """Return everything that is asked, by the settings."""
    return tuple(each for name in MODULES for each in import_module(name).sources())


class Facts(Collector):
    """What sources were found to say.

    Parameters
    ----------
    asked : sequence of Source
        Each has a thread of its own: one that hangs keeps no other waiting.
    """

    def __init__(self, asked: Sequence[Source]) -> None:
        self._keep_s = config().metrics.keep_s
        self._kept = {each.name: self._keeping(each) for each in asked}

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return what was found last, and begin what is due."""
        families = {
            fact: GaugeMetricFamily(fact.name, fact.description, labels=fact.labels)
            for fact in metrics.FACTS
        }
        for name, kept in self._kept.items():
            seen = kept.get()
            is_known = seen is not None and seen.age_s < STALE * self._period_s(seen)
            found = list(seen.value) if seen and is_known else []
            for told in (*found, Told(metrics.FACTS_KNOWN, float(is_known), (name,))):
                families[told.fact].add_metric(told.labels, told.value)
        return families.values()

    def _period_s(self, seen: Seen[list[Told]]) -> float:
        """Return how long such a look is kept: what takes long is asked for less often."""
        return max(self._keep_s, SHARE * seen.took_s)

    def _keeping(self, source: Source) -> Kept[list[Told]]:
        def look() -> list[Told]:
            return list(source.look())

        return Kept(f"facts-{source.name}", look, keep_s=self._keep_s, patience_s=0.0)
