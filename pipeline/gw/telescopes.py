"""The telescopes that plans are made for: a declared table, read from ``telescopes.toml``."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

TABLE = Path(__file__).with_name("telescopes.toml")


class TelescopeError(Exception):
    """A telescope is not in the table, or its facts are out of bounds; the message says which."""


class Telescope(BaseModel):
    """One telescope.

    Attributes
    ----------
    name, aliases : str, tuple of str
        As its team writes it, and other spellings that are met.
    question : str
        What its owners have not answered; empty when nothing is in doubt.
    source : str
        Where the facts were read.
    latitude_deg, longitude_deg, elevation_m : float
        Geodetic, north and east positive, above the ellipsoid.
    timezone : str
        Of the clocks there, as IANA names it; empty: not known.
    fov_deg : float
        Side of its square field.
    filter : str
        Default filter; empty where none is known.
    limiting_abmag, limiting_exposure_s : float
        Faintest magnitude reached in an exposure of that length; None if unknown.
    slew_deg_per_s, readout_s : float
        What a telescope needs between two exposures.
    horizon_deg : float
        Lowest altitude.
    dec_min_deg, dec_max_deg : float
        Declinations that the mount reaches.
    moon_min_deg : float
        Least distance from the Moon.
    grid : str
        File of tile numbers that gwemopt ships; empty: declination bands of our own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    aliases: tuple[str, ...] = ()
    question: str = ""
    source: Annotated[str, Field(min_length=1)]
    latitude_deg: Annotated[float, Field(ge=-90, le=90)]
    longitude_deg: Annotated[float, Field(ge=-180, le=360)]
    elevation_m: Annotated[float, Field(ge=-500, le=9000)]
    timezone: str = ""
    fov_deg: Annotated[float, Field(ge=0.01, le=10)]
    filter: str = ""
    limiting_abmag: Annotated[float | None, Field(ge=0, le=30)] = None
    limiting_exposure_s: Annotated[float, Field(gt=0)]
    slew_deg_per_s: Annotated[float, Field(gt=0)] = 1.0
    readout_s: Annotated[float, Field(ge=0)]
    horizon_deg: Annotated[float, Field(ge=0, le=60)] = 0.0
    dec_min_deg: Annotated[float, Field(ge=-90, le=90)] = -90.0
    dec_max_deg: Annotated[float, Field(ge=-90, le=90)] = 90.0
    moon_min_deg: Annotated[float, Field(ge=0, le=180)] = 20.0
    grid: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]+\.tess)?$")] = ""

    @model_validator(mode="after")
    def _declinations_are_in_order(self) -> "Telescope":
        if self.dec_min_deg >= self.dec_max_deg:
            raise ValueError("dec_min_deg must be below dec_max_deg")
        return self

    @property
    def is_reviewed(self) -> bool:
        """Tell whether nothing about its facts is in doubt."""
        return not self.question


@cache
def telescopes() -> tuple[Telescope, ...]:
    """Return the table in the order of its file."""
    return parse(TABLE.read_text())


def telescope(name: str) -> Telescope:
    """Return the telescope of that name or alias.

    Raises
    ------
    TelescopeError
        If there is none; the message names the known ones.
    """
    for found in telescopes():
        if name in {found.name, *found.aliases}:
            return found
    known = ", ".join(found.name for found in telescopes())
    raise TelescopeError(f"no telescope {name!r}; known: {known}")


def canonical(name: str) -> str:
    """Return the name that the table gives a telescope; as it is where the table has none."""
    try:
        return telescope(name).name
    except TelescopeError:
        return name


def is_known(name: str) -> bool:
    """Tell whether the table has a telescope of that name or alias."""
    return canonical(name) in {found.name for found in telescopes()}


def parse(text: str) -> tuple[Telescope, ...]:
    """Return the telescopes of a table in TOML.

    Raises
    ------
    TelescopeError
        If facts are out of bounds or a name stands twice; the message names telescope and field.
    """
    try:
        rows = tomllib.loads(text).get("telescopes", [])
    except tomllib.TOMLDecodeError as error:
        raise TelescopeError(f"{TABLE.name}: {error}") from None
    table = tuple(_validated(row) for row in rows)
    names = [name for found in table for name in (found.name, *found.aliases)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise TelescopeError(f"{TABLE.name}: more than once: {', '.join(doubled)}")
    return table


def _validated(row: dict[str, object]) -> Telescope:
    try:
        return Telescope.model_validate(row)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise TelescopeError(f"{TABLE.name}: {row.get('name', '?')}: {problems}") from None
