"""What Nightjar must know of a filter to run it on the raw stream and publish what it selects."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.sections.selected import FilterSettings, SelectedSettings
from pipeline.alerts.batch import Batch
from pipeline.alerts.tables import OUTPUT_SELECTED, OUTPUT_SELECTED_JSON


@dataclass(frozen=True)
class Judged:
    """What a filter says of a batch.

    Attributes
    ----------
    reason : object[n]
        One of the filter's ``reasons``, None where the alert is selected.
    facts : dict of str to array[n]
        What a message says beside its packet, by the name of its header.
    """

    reason: NDArray[np.object_]
    facts: Mapping[str, NDArray[Any]]

    @property
    def is_selected(self) -> NDArray[np.bool_]:
        """Return which alerts the filter selects."""
        return np.array([reason is None for reason in self.reason.tolist()], bool)


@dataclass(frozen=True)
class Filter:
    """One filter: a rule over the columns of a batch, whatever gates and classes say.

    Attributes
    ----------
    name : str
        As in its messages' headers and counts.
    version : str
        Of the rule, in its messages' headers; a change of the rule raises it.
    description : str
        One sentence.
    survey : str
        Whose alerts it sees; of these only the public ones.
    number : int
        Its own for ever, from 0: bits of ``alerts.outputs`` follow from it.
    reasons : tuple of str
        Why it may refuse an alert; the first that holds is given.
    judge : callable
        Batch and settings to a verdict; what a packet lacks refuses it, and never raises.
    judge_rows : callable
        Rows of ``selected_alerts`` and settings to a reason of refusal for each, None where it
        would select: our own look at what another broker calls selected.

    Notes
    -----
    Its settings are the section of ``selected`` that has its name, a ``FilterSettings``; topics,
    switches and the source that ``collect`` reads stand there.
    """

    name: str
    version: str
    description: str
    survey: str
    number: int
    reasons: tuple[str, ...]
    judge: Callable[[Batch, SelectedSettings], Judged]
    judge_rows: Callable[[Sequence[Mapping[str, Any]], SelectedSettings], Sequence[str | None]]

    @property
    def bit(self) -> int:
        """Return its own bit of ``alerts.outputs``."""
        return OUTPUT_SELECTED << 2 * self.number

    @property
    def json_bit(self) -> int:
        """Return its own bit of ``alerts.outputs`` for the same alerts as JSON."""
        return OUTPUT_SELECTED_JSON << 2 * self.number

    def section(self, settings: SelectedSettings) -> FilterSettings:
        """Return its own settings."""
        return settings.filters[self.name]

    def is_on(self, settings: SelectedSettings) -> bool:
        """Tell whether the settings let it run."""
        return self.section(settings).enabled

    def topic(self, settings: SelectedSettings) -> str:
        """Return the topic that its alerts go to."""
        return self.section(settings).topic

    def json_is_on(self, settings: SelectedSettings) -> bool:
        """Tell whether its alerts go out as JSON, too."""
        return self.section(settings).lasair

    def json_topic(self, settings: SelectedSettings) -> str:
        """Return the topic that they go to as JSON."""
        return self.section(settings).lasair_topic

    def bits(self, settings: SelectedSettings) -> int:
        """Return the output bits of an alert that it selects now."""
        return self.bit | (self.json_bit if self.json_is_on(settings) else 0)

    def topics(self, settings: SelectedSettings) -> Mapping[int, str]:
        """Return where its alerts go, by output bit, whether that is on now or was before."""
        return {self.bit: self.topic(settings), self.json_bit: self.json_topic(settings)}
