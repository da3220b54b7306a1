"""How selected alerts leave, and whether they or telescopes want a schema registry here."""

from collections.abc import Collection

from broker.config import Config
from broker.sections.parts import RegistrySettings
from compose.native.profile import Profile
from pipeline.filters import running

ASKING = frozenset({"worker-alerts", "worker-upkeep", "worker-sinks", "listen-selected"})
"""Processes that write or read selected alerts: in Confluent framing they ask the registry."""

OF_TELESCOPES = frozenset(
    {"worker-commands", "worker-telescope_data", "listen-telescope", "listen-telescope_data"}
)
"""Processes of the telescope bus, on which nothing goes without the registry."""


def wire(chosen: Profile, settings: Config) -> str:
    """Return the framing in force: a demo fetches no registry that nobody has named."""
    if chosen.is_demo:
        return "confluent" if chosen.is_registry else "container"
    return settings.selected.wire


def is_own_registry(settings: Config) -> bool:
    """Return whether ids come from the registry that runs here: no other is named."""
    return settings.registry.url == RegistrySettings().url


def needs_registry(names: Collection[str], chosen: Profile, settings: Config) -> bool:
    """Return whether some of these processes ask the registry that runs here."""
    asking: set[str] = set()
    if wire(chosen, settings) == "confluent" and any(running(settings.selected)):
        asking |= ASKING
    if settings.telescopes and (chosen.is_registry or not chosen.is_demo):
        asking |= OF_TELESCOPES
    return is_own_registry(settings) and not asking.isdisjoint(names)
