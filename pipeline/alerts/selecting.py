"""What the filters say of a batch: output bits, counts, and what a message says of each alert.

Nothing else of the flow knows a filter: it adds bits to an alert's outputs, whatever gate and class
it has, and a selected packet leaves as it came (``selected_messages``).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from broker.sections.selected import SelectedSettings
from pipeline.alerts.batch import Batch
from pipeline.filters import FILTERS, running
from pipeline.filters.record import Filter, Judged

FAILED = "failed"
"""Counted like a reason of refusal: the filter's own error."""

Facts = list[tuple[str, Any]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Chosen:
    """A selected alert's packet, and what its messages say beside it by the filter's name.

    A filter that failed on the packet has no entry.
    """

    packet: bytes
    facts: Mapping[str, Facts]


@dataclass
class Selection:
    """What the running filters say of a batch.

    Attributes
    ----------
    bits : int64[n]
        To be added to each alert's outputs.
    chosen : dict of int to Chosen
        The selected alerts by the offset of their packet.
    refused : Counter of str
        Alerts by filter and reason, as ``extendedness.no_sssource``.
    """

    bits: NDArray[np.int64]
    chosen: dict[int, Chosen] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


def select(batch: Batch, settings: SelectedSettings) -> Selection:
    """Ask every running filter; one that fails selects nothing, and the range goes on."""
    selection = Selection(np.zeros(len(batch), np.int64))
    facts: dict[int, dict[str, Facts]] = {}
    for one in running(settings):
        if one.survey != batch.survey:
            continue
        judged = _judged(one, batch, settings)
        if judged is None:
            selection.refused[f"{one.name}.{FAILED}"] += len(batch)
            continue
        is_selected = judged.is_selected & batch.is_public
        selection.bits[is_selected] |= one.bits(settings)
        reasons = judged.reason[~is_selected].tolist()
        selection.refused.update(f"{one.name}.{reason}" for reason in reasons if reason)
        for at in np.flatnonzero(is_selected).tolist():
            facts.setdefault(at, {})[one.name] = _facts(judged, at)
    for at, said in facts.items():
        packet = batch.packets[at]
        selection.chosen[packet.offset] = Chosen(packet.value, said)
    return selection


def facts_of(batch: Batch, settings: SelectedSettings) -> Chosen:
    """Return what every filter's messages say of a batch's one alert, selected or not."""
    facts: dict[str, Facts] = {}
    for one in FILTERS:
        judged = _judged(one, batch, settings) if one.survey == batch.survey else None
        if judged is not None:
            facts[one.name] = _facts(judged, 0)
    return Chosen(batch.packets[0].value, facts)


def _judged(one: Filter, batch: Batch, settings: SelectedSettings) -> Judged | None:
    try:
        return one.judge(batch, settings)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        # A filter's mistake must not make dead letters of a night's packets.
        log.exception("filter.failed", filter=one.name, alerts=len(batch))
        return None


def _facts(judged: Judged, at: int) -> Facts:
    return [(name, values[at].item()) for name, values in judged.facts.items()]
