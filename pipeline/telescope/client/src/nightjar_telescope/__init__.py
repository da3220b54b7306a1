"""What an application at a telescope needs to speak to Nightjar."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nightjar_telescope.errors import (
    BusError,
    NotDeliveredError,
    RefusedError,
    UnavailableError,
    UndecodableError,
)
from nightjar_telescope.login import Login
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
from nightjar_telescope.record import Record
from nightjar_telescope.validation import InvalidMessageError, Problem, problems, validate

if TYPE_CHECKING:
    from nightjar_telescope.consumer import KafkaAvroConsumer
    from nightjar_telescope.producer import KafkaAvroProducer

__all__ = [
    "AckStatus",
    "BusError",
    "CommandAcknowledgment",
    "CommandType",
    "InvalidMessageError",
    "KafkaAvroConsumer",
    "KafkaAvroProducer",
    "Login",
    "NotDeliveredError",
    "ObservationBase",
    "Problem",
    "Record",
    "RefusedError",
    "StatusLevel",
    "TelescopeCommand",
    "TelescopeData",
    "TelescopeStatus",
    "UnavailableError",
    "UndecodableError",
    "problems",
    "validate",
]

_WITH_KAFKA = {
    "KafkaAvroConsumer": "nightjar_telescope.consumer",
    "KafkaAvroProducer": "nightjar_telescope.producer",
}
"""Imported when asked for: the registry's client takes longer than all the rest."""


def __getattr__(name: str) -> Any:
    if name in _WITH_KAFKA:
        return getattr(import_module(_WITH_KAFKA[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
