"""Settings of the telescope bus, and the record of each telescope on it."""

import re
from itertools import permutations
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from broker.sections import Section

STREAM = "telescope"
"""The stream of acknowledgments and status, as in ``manage.py listen telescope``."""
DATA_STREAM = "telescope_data"
"""The stream of what telescopes observed, as in ``manage.py listen telescope_data``."""
ROOT_PREFIX = "telescope."
"""Begins the topics of every telescope; those of one telescope begin with it alone."""
RESERVED = frozenset({"commands", "acknowledgments", "data", "status", "dlq"})
"""What the topics of the telescope without a word of its own are called."""
MONITOR = "monitor-"
"""Begins the names of those who may read all of a telescope's topics."""
_NAME = re.compile(r"[a-z][a-z0-9]{1,30}")
_APPLICATION = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_PREFIX = re.compile(r"telescope\.([a-z][a-z0-9]{1,30}\.)?")
CONNECT = "connect"
"""What a Kafka Connect worker logs in as."""
_TAKEN = ("babamul", "nightjar", "reader-", MONITOR, CONNECT)
"""Principals that begin so are others'."""


class ApplicationSettings(Section):
    """One program at a telescope."""

    name: Annotated[
        str, Field(max_length=40, description="as it names itself in source_application")
    ]
    writes_data: Annotated[bool, Field(description="it sends what was observed")] = False
    is_required: Annotated[
        bool,
        Field(description="a command is completed once it says so; none: any one's word counts"),
    ] = False

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _APPLICATION.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an application: a-z 0-9 and single - only")
        if taken := [word for word in _TAKEN if name.startswith(word)]:
            raise ValueError(f"{name!r}: names that begin with {taken[0]} are taken")
        return name


class TelescopeSettings(Section):
    """One telescope: where it stands, what it can do, and who speaks for it."""

    title: Annotated[
        str, Field(max_length=40, description="as people write it; empty: its name")
    ] = ""
    topic_prefix: Annotated[
        str, Field(description="begins its topics; empty: telescope.NAME.; one may have telescope.")
    ] = ""
    kind: Annotated[Literal["radio", "optical"], Field(description="what it receives")]
    latitude_deg: Annotated[float, Field(ge=-90, le=90, description="geodetic, north [deg]")]
    longitude_deg: Annotated[float, Field(ge=-180, le=360, description="east [deg]")]
    elevation_m: Annotated[float, Field(ge=-500, le=9000, description="above the ellipsoid [m]")]
    applications: Annotated[
        tuple[ApplicationSettings, ...],
        Field(min_length=1, description="its programs: name, writes_data, is_required"),
    ]
    frequencies_mhz: Annotated[
        tuple[float, ...], Field(description="it can be tuned to [MHz]; none: optical")
    ] = ()
    observation_types: Annotated[tuple[str, ...], Field(min_length=1, description="it knows")] = (
        "imaging",
    )
    max_integration_s: Annotated[
        float, Field(gt=0, le=86_400, description="of one command [s]")
    ] = 3600
    altitude_limit_deg: Annotated[
        float,
        Field(ge=-90, le=89, description="targets below are refused [deg]; -90: none is"),
    ] = -90
    plan_name: Annotated[
        str, Field(description="in the table of telescopes that plans are made for; empty: none")
    ] = ""

    @field_validator("topic_prefix")
    @classmethod
    def _check_prefix(cls, prefix: str) -> str:
        if not prefix:
            return prefix
        found = _PREFIX.fullmatch(prefix)
        if not found:
            raise ValueError(f"{prefix!r} is neither telescope. nor telescope.WORD.")
        if (word := (found[1] or "").removesuffix(".")) in RESERVED:
            raise ValueError(f"{prefix!r}: {word} is the name of a topic")
        return prefix

    @field_validator("applications")
    @classmethod
    def _check_applications(
        cls, applications: tuple[ApplicationSettings, ...]
    ) -> tuple[ApplicationSettings, ...]:
        names = [application.name for application in applications]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"named twice: {', '.join(sorted(twice))}")
        return applications

    @model_validator(mode="after")
    def _check_frequencies(self) -> Self:
        if self.kind == "radio" and not self.frequencies_mhz:
            raise ValueError("frequencies_mhz: a radio telescope has at least one")
        if self.kind == "optical" and self.frequencies_mhz:
            raise ValueError("frequencies_mhz: an optical telescope has none")
        return self


Telescopes = dict[str, TelescopeSettings]

BEAM = TelescopeSettings(
    title="BEAM",
    topic_prefix=ROOT_PREFIX,
    kind="radio",
    latitude_deg=40.63,
    longitude_deg=22.96,
    elevation_m=60,
    applications=(
        ApplicationSettings(name="telescope-robotics", is_required=True),
        ApplicationSettings(name="telescope-data-handler", writes_data=True),
    ),
    frequencies_mhz=(1420, 1670, 22_000),
    observation_types=(
        "imaging",
        "spectroscopy",
        "HOT_CALIBRATION",
        "COLD_CALIBRATION",
        "TARGET_OBSERVATION",
    ),
)
"""For the examples: the telescope whose messages the bus was made for."""


def check_telescopes(telescopes: Telescopes) -> Telescopes:
    """Return telescopes that may stand on one bus.

    Raises
    ------
    ValueError
        If a name is none or the name of a topic, or two would share topics or consumer groups.
    """
    for name in telescopes:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a telescope: 2 to 31 of a-z 0-9, no - or .")
        if name in RESERVED:
            raise ValueError(f"{name!r} is the name of a topic")
    owners: dict[str, str] = {}
    for name, telescope in telescopes.items():
        prefix = prefix_of(name, telescope)
        if prefix in owners:
            raise ValueError(f"{name} and {owners[prefix]} have the same topic_prefix {prefix}")
        owners[prefix] = name
    principals = [
        principal_of(name, telescope, application.name)
        for name, telescope in telescopes.items()
        for application in telescope.applications
    ]
    for one, other in permutations(principals, 2):
        if other.startswith(f"{one}-"):
            raise ValueError(f"{one} could take the consumer groups of {other}: name one otherwise")
    return telescopes


def prefix_of(name: str, telescope: TelescopeSettings) -> str:
    """Return what the topics of a telescope begin with."""
    return telescope.topic_prefix or f"{ROOT_PREFIX}{name}."


def principal_of(name: str, telescope: TelescopeSettings, application: str) -> str:
    """Return what an application logs in as: its name, behind the word of its telescope's topics.

    The telescope whose topics begin with ``telescope.`` alone has no word: its applications log in
    as those of the field do.
    """
    return prefix_of(name, telescope).removeprefix(ROOT_PREFIX) + application


class TelescopeBusSettings(Section):
    """The telescope bus: commands out; acknowledgments, status and data in."""

    group_id: Annotated[
        str, Field(min_length=1, description="consumer group of acknowledgments and status")
    ] = "nightjar-telescope"
    receive_within_s: Annotated[
        int, Field(ge=5, le=3600, description="a command is received by then, and expires [s]")
    ] = 30
    slow_after_s: Annotated[
        int, Field(ge=1, le=3600, description="shown amber when it is not received by then [s]")
    ] = 5
    start_within_s: Annotated[
        int, Field(ge=5, le=86_400, description="started so long after it was received [s]")
    ] = 300
    finish_factor: Annotated[
        float, Field(ge=1, le=10, description="finished after this times its integration time")
    ] = 1.2
    finish_margin_s: Annotated[
        int, Field(ge=5, le=86_400, description="… and so much longer [s]")
    ] = 300
    estimate_margin_s: Annotated[
        int, Field(ge=0, le=3600, description="… or so long after the telescope's estimate [s]")
    ] = 120
    cancel_within_s: Annotated[
        int, Field(ge=5, le=3600, description="a cancel is answered by then [s]")
    ] = 60
    stale_after_s: Annotated[
        int, Field(ge=20, le=3600, description="an application is silent for so long [s]")
    ] = 60
    alarm_after_s: Annotated[
        int,
        Field(ge=20, le=86_400, description="operators are told of a silence that lasts so [s]"),
    ] = 180
    clock_off_s: Annotated[
        int, Field(ge=1, le=3600, description="a telescope's clock is warned of from here [s]")
    ] = 30
    cancel_on_retraction: Annotated[
        bool, Field(description="a retracted event's running commands are cancelled by themselves")
    ] = False
    statuses_days: Annotated[
        int, Field(ge=1, le=365, description="how long status messages are kept in tables [d]")
    ] = 30
    data_max_bytes: Annotated[
        int, Field(ge=2**20, le=64 * 2**20, description="largest message of a data topic [bytes]")
    ] = 8_388_608
    connect_url: Annotated[
        str,
        Field(
            description="REST interface of a Kafka Connect that stores data; doctor asks it",
            pattern="^(https?://.+)?$",
        ),
    ] = ""
