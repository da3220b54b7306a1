"""A command before it is one: what is wished for, and everything that forbids it."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import datetime
from typing import Any

from nightjar_telescope import CommandType, ObservationBase, Problem, TelescopeCommand, problems
from nightjar_telescope.avro import as_record, from_record
from nightjar_telescope.schema import describe, milliseconds

from pipeline.telescope.record import Telescope
from pipeline.telescope.sky import altitude_deg
from pipeline.telescope.tables import ORIGINS
from pipeline.telescope.tables import TelescopeCommand as TelescopeCommandRow

ASKED = (
    "target_name",
    "observation_object",
    "ra",
    "dec",
    "center_frequency",
    "rf_gain",
    "if_gain",
    "bb_gain",
    "observation_type",
    "integration_time",
    "output_filename",
)
"""Fields of an observation that whoever wishes for it gives; all others are ours."""
_NUMBERS = frozenset(each.name for each in fields(ObservationBase) if each.name in {
    "ra", "dec", "center_frequency", "rf_gain", "if_gain", "bb_gain", "integration_time",
})  # fmt: skip
_DEFAULTS = {
    each.name: each.default for each in describe(ObservationBase) if each.default is not MISSING
}
_TIMES = ("submitted_at", "completed_at", "created_at", "updated_at")
_PURPOSE = ("trigger_id", "tile_id", "filter")
LONGEST_WORD = 255
LOWEST_DEG = -90
"""An altitude limit that is none."""


@dataclass(frozen=True)
class Wish:
    """An observation that somebody wishes for.

    Attributes
    ----------
    telescope : str
        As in ``[telescopes.NAME]``.
    observation : mapping
        Exactly the fields ``ASKED``, with the wire's names, units and types.
    origin : str
        One of ``tables.ORIGINS``.
    trigger_id, tile_id, filter : str or None
        What it is for.
    idempotency_key : str or None
        The same wish again, such as a second click, has the same key and makes no second command;
        each telescope and origin has keys of its own.
    """

    telescope: str
    observation: Mapping[str, Any]
    origin: str = "console"
    trigger_id: str | None = None
    tile_id: str | None = None
    filter: str | None = None
    idempotency_key: str | None = None


class RefusedError(ValueError):
    """A wish that cannot be granted.

    Attributes
    ----------
    problems : tuple of Problem
        Each names the field, its value and the limit.
    """

    def __init__(self, found: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(map(str, found)))
        self.problems = found


def observation_of(
    wish: Wish, telescope: Telescope, observation_id: str, now: datetime
) -> ObservationBase:
    """Return what is sent of a wish.

    Raises
    ------
    RefusedError
        Naming everything that is missing, unknown, out of the bus's ranges or beyond what this
        telescope can do.
    """
    given = dict(wish.observation)
    strange = tuple(_unfitting(given))
    if strange:
        raise RefusedError(strange)
    for name in _NUMBERS:
        if isinstance(given[name], int) and not isinstance(given[name], bool):
            given[name] = float(given[name])
    found = ObservationBase(
        **given,
        observation_id=observation_id,
        submitted_at=now,
        created_at=now,
        updated_at=now,
    )
    refuse(found, telescope, now)
    refuse_words(wish)
    return found


def refuse(observation: ObservationBase, telescope: Telescope, now: datetime) -> None:
    """Make sure that this telescope can be asked for an observation.

    Raises
    ------
    RefusedError
        If it cannot.
    """
    command = TelescopeCommand(
        command_id="cmd",
        command_type=CommandType.START_OBSERVATION.value,
        timestamp=milliseconds(now),
        observation_request=observation,
    )
    found = [_of_observation(each) for each in problems(command)]
    known = {each.field for each in found}
    found += [each for each in _beyond(observation, telescope) if each.field not in known]
    if not found:  # a place that is one
        found += _too_low(observation, telescope, now)
    if found:
        raise RefusedError(tuple(found))


def refuse_words(wish: Wish) -> None:
    """Make sure that what a wish is for can be kept.

    Raises
    ------
    RefusedError
        If a word is too long, or holds a NUL character.
    """
    words = {name: getattr(wish, name) for name in (*_PURPOSE, "idempotency_key")}
    found = [
        Problem(name, word, f"must have at most {LONGEST_WORD} characters and no NUL")
        for name, word in words.items()
        if word is not None and (len(word) > LONGEST_WORD or "\0" in word)
    ]
    if wish.origin not in ORIGINS:
        found.append(Problem("origin", wish.origin, f"must be one of {', '.join(ORIGINS)}"))
    if found:
        raise RefusedError(tuple(found))


def stored(observation: ObservationBase) -> dict[str, Any]:
    """Return an observation as its row keeps it: JSON, times in milliseconds."""
    record = as_record(observation)
    for name in _TIMES:
        if record[name] is not None:
            record[name] = milliseconds(record[name])
    return record


def restored(kept: Mapping[str, Any]) -> ObservationBase:
    """Return the observation that a row keeps; one of an earlier version lacks later fields."""
    return from_record(ObservationBase, {**_DEFAULTS, **kept})


def differing(row: TelescopeCommandRow, wish: Wish) -> list[str]:
    """Return what of a wish is not as a command has it."""
    asked = [name for name in ASKED if row.request.get(name) != wish.observation.get(name)]
    return asked + [name for name in _PURPOSE if getattr(row, name) != getattr(wish, name)]


def _unfitting(given: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ASKED:
        if name not in given:
            yield Problem(name, None, "must be given")
    for name, value in given.items():
        if name not in ASKED:
            yield Problem(name, value, f"no such field; there are {', '.join(ASKED)}")


def _of_observation(problem: Problem) -> Problem:
    return problem._replace(field=problem.field.removeprefix("observation_request."))


def _too_low(
    observation: ObservationBase, telescope: Telescope, now: datetime
) -> Iterator[Problem]:
    """Yield the altitude of a target that stands below the telescope's limit now."""
    record = telescope.settings
    if record.altitude_limit_deg <= LOWEST_DEG:
        return
    site = record.latitude_deg, record.longitude_deg
    height_deg = altitude_deg(observation.ra, observation.dec, *site, now)
    if height_deg < record.altitude_limit_deg:
        limit = f"must be at least {record.altitude_limit_deg:g} deg at {telescope.title}"
        yield Problem("altitude", round(height_deg, 1), limit)


def _beyond(observation: ObservationBase, telescope: Telescope) -> Iterator[Problem]:
    """Yield what this telescope cannot do."""
    record = telescope.settings
    if observation.integration_time > record.max_integration_s:
        limit = f"must be at most {record.max_integration_s:g} s at {telescope.title}"
        yield Problem("integration_time", observation.integration_time, limit)
    if observation.observation_type not in record.observation_types:
        limit = f"must be one of {', '.join(record.observation_types)} at {telescope.title}"
        yield Problem("observation_type", observation.observation_type, limit)
    if record.kind == "optical":
        for name in ("center_frequency", "rf_gain", "if_gain", "bb_gain"):
            if getattr(observation, name) != 0:
                yield Problem(
                    name, getattr(observation, name), "must be 0 for an optical telescope"
                )
    elif observation.center_frequency not in record.frequencies_mhz:
        known = ", ".join(f"{each:g}" for each in record.frequencies_mhz)
        limit = f"must be one of {known} MHz at {telescope.title}"
        yield Problem("center_frequency", observation.center_frequency, limit)
