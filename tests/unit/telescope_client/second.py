"""Version 2 of the command, as it may come one day: one field more at the end."""

from dataclasses import dataclass
from typing import Annotated

from nightjar_telescope import messages
from nightjar_telescope.rules import Required


@dataclass(frozen=True)
class ObservationBase(messages.ObservationBase):
    """An observation with its filter."""

    filter: Annotated[str | None, "Filter, such as g"] = None


@dataclass(frozen=True)
class TelescopeCommand(messages.TelescopeCommand):
    """A command with such an observation."""

    observation_request: Annotated[
        ObservationBase | None,
        "The observation to start, or a copy of the one to cancel",
        Required(),
    ] = None
