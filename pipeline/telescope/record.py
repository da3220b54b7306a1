"""A telescope of the bus: its record in the settings, with the names that follow from it."""

import re
from dataclasses import dataclass
from functools import cache

from nightjar_telescope import CommandAcknowledgment, TelescopeStatus
from nightjar_telescope.messages import KINDS

from broker.config import Config, config
from broker.sections.telescope import (
    ROOT_PREFIX,
    ApplicationSettings,
    TelescopeSettings,
    prefix_of,
    principal_of,
)

HEARD = {
    kind.topic_end: kind.message
    for kind in KINDS
    if kind.message in {CommandAcknowledgment, TelescopeStatus}
}
"""What telescopes tell us beside their data, by the end of its topic."""


class RecordError(Exception):
    """A telescope has no record, or its record does not fit; the message says which and why."""


@dataclass(frozen=True)
class Telescope:
    """One telescope of the bus.

    Attributes
    ----------
    name : str
        As in ``[telescopes.NAME]``; tables and headers carry it.
    settings : TelescopeSettings
        Its record.
    """

    name: str
    settings: TelescopeSettings

    @property
    def title(self) -> str:
        """As people write it."""
        return self.settings.title or self.name.upper()

    @property
    def prefix(self) -> str:
        """What its topics begin with, and no other telescope's."""
        return prefix_of(self.name, self.settings)

    @property
    def commands(self) -> str:
        """Topic that it obeys."""
        return f"{self.prefix}commands"

    @property
    def acknowledgments(self) -> str:
        """Topic of what becomes of commands."""
        return f"{self.prefix}acknowledgments"

    @property
    def status(self) -> str:
        """Topic of how it is."""
        return f"{self.prefix}status"

    @property
    def data(self) -> str:
        """Topic of what it observed."""
        return f"{self.prefix}data"

    @property
    def data_dlq(self) -> str:
        """Topic of data that could not be stored."""
        return f"{self.data}.dlq"

    @property
    def topics(self) -> tuple[str, ...]:
        """Topics of all kinds of messages."""
        return tuple(f"{self.prefix}{kind.topic_end}" for kind in KINDS)

    @property
    def data_id_prefix(self) -> str:
        """What the ids of its data begin with: none for the telescope without a word of its own."""
        return "" if self.prefix == ROOT_PREFIX else f"{self.name}-"

    @property
    def required(self) -> frozenset[str]:
        """Applications that must say that a command is completed; none: any one's word counts."""
        return frozenset(each.name for each in self.settings.applications if each.is_required)

    def application(self, name: str) -> ApplicationSettings:
        """Return one of its programs.

        Raises
        ------
        RecordError
            If it has none of that name; the message names those that it has.
        """
        for found in self.settings.applications:
            if found.name == name:
                return found
        known = ", ".join(each.name for each in self.settings.applications)
        raise RecordError(f"{self.name} has no application {name!r}; it has: {known}")

    def principal(self, application: str) -> str:
        """Return what an application of its logs in as."""
        return principal_of(self.name, self.settings, application)


def telescopes(settings: Config | None = None) -> tuple[Telescope, ...]:
    """Return the telescopes of the settings, in their order.

    Raises
    ------
    RecordError
        If a plan_name is not in the table of telescopes that plans are made for.
    """
    return _made(config() if settings is None else settings)


def telescope(name: str) -> Telescope:
    """Return the telescope of that name.

    Raises
    ------
    RecordError
        If there is none; the message names those that there are.
    """
    for found in telescopes():
        if found.name == name:
            return found
    known = ", ".join(each.name for each in telescopes()) or "none: see [telescopes.NAME]"
    raise RecordError(f"no telescope {name!r}; known: {known}")


def of_plan(plan_name: str) -> Telescope | None:
    """Return the telescope on the bus that plans call so, or None."""
    from pipeline.gw import telescopes as plan_table  # noqa: PLC0415 see _checked

    wanted = plan_table.canonical(plan_name)
    for found in telescopes():
        if found.settings.plan_name and plan_table.canonical(found.settings.plan_name) == wanted:
            return found
    return None


def heard_on(topic: str) -> tuple[Telescope, str] | None:
    """Return whose topic this is and which of ``HEARD``, or None."""
    for found in telescopes():
        for kind in HEARD:
            if topic == found.prefix + kind:
                return found, kind
    return None


def data_pattern() -> str:
    """Return the regular expression of all telescopes' data topics, and of nothing else.

    Raises
    ------
    RecordError
        If no telescope has a record.
    """
    names = "|".join(re.escape(found.data) for found in telescopes())
    if not names:
        raise RecordError("no telescope has a record: set [telescopes.NAME]")
    return f"^({names})$"


@cache
def _checked(name: str, plan_name: str) -> None:
    # The bus works without the GW flow: only a telescope that plans call by a name asks it.
    from pipeline.gw import telescopes as plan_table  # noqa: PLC0415

    try:
        plan_table.telescope(plan_name)
    except plan_table.TelescopeError as error:
        raise RecordError(f"telescopes.{name}.plan_name: {error}") from None


def _made(settings: Config) -> tuple[Telescope, ...]:
    for name, record in settings.telescopes.items():
        if record.plan_name:
            _checked(name, record.plan_name)
    return tuple(Telescope(name, record) for name, record in settings.telescopes.items())
