"""What Nightjar must know of a filter to run it on the raw stream and publish what it selects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.sections.selected import SelectedSettings
from pipeline.alerts.batch import Batch


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
    bit : int
        Its own in ``alerts.outputs``.
    reasons : tuple of str
        Why it may refuse an alert; the first that holds is given.
    is_on : callable
        Whether the settings let it run.
    topic : callable
        Settings to the topic that its alerts go to.
    json_bit : int
        Its own in ``alerts.outputs`` for the same alerts as JSON.
    json_is_on : callable
        Whether the settings want that, too.
    json_topic : callable
        Settings to the topic that it goes to.
    judge : callable
        Batch and settings to a verdict; what a packet lacks refuses it, and never raises.
    """

    name: str
    version: str
    description: str
    survey: str
    bit: int
    reasons: tuple[str, ...]
    is_on: Callable[[SelectedSettings], bool]
    topic: Callable[[SelectedSettings], str]
    json_bit: int
    json_is_on: Callable[[SelectedSettings], bool]
    json_topic: Callable[[SelectedSettings], str]
    judge: Callable[[Batch, SelectedSettings], Judged]

    def bits(self, settings: SelectedSettings) -> int:
        """Return the output bits of an alert that it selects now."""
        return self.bit | (self.json_bit if self.json_is_on(settings) else 0)

    def topics(self, settings: SelectedSettings) -> Mapping[int, str]:
        """Return where its alerts go, by output bit, whether that is on now or was before."""
        return {self.bit: self.topic(settings), self.json_bit: self.json_topic(settings)}
