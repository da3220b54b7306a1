"""What an application at a telescope needs to speak to Nightjar."""

from nightjar_telescope.messages import (
    AckStatus,
    CommandAcknowledgment,
    CommandType,
    ObservationBase,
    StatusLevel,
    TelescopeCommand,
    TelescopeData,
    TelescopeStatus,
)
from nightjar_telescope.validation import InvalidMessageError, Problem, problems, validate

__all__ = [
    "AckStatus",
    "CommandAcknowledgment",
    "CommandType",
    "InvalidMessageError",
    "ObservationBase",
    "Problem",
    "StatusLevel",
    "TelescopeCommand",
    "TelescopeData",
    "TelescopeStatus",
    "problems",
    "validate",
]
