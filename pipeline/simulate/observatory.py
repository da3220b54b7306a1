"""The demo's observatory: four telescopes on the bus, three of which the simulator plays."""

from pathlib import Path
from typing import NamedTuple

from broker.config import Config
from broker.sections.telescope import (
    BEAM,
    ApplicationSettings,
    Telescopes,
    TelescopeSettings,
    principal_of,
)

OBEYS, FALLS_SILENT, REJECTS, AWAY = "beam", "tca", "rain", "away"
"""What each does; a telescope of plans falls silent once, and obeys before and after."""
CHUNKS = 8
"""Pieces of data of an observation of BEAM's."""
SPEED = 10
"""So much shorter than asked for an observation is."""
SILENT_S = 60
"""Longer than ``STALE_AFTER_S`` by what two looks at the board take on a busy machine."""
STALE_AFTER_S, ALARM_AFTER_S, RECEIVE_WITHIN_S = 25, 30, 60
"""Settings of the bus in a demo: nobody waits for minutes there, and the machine has much to do."""

_ROBOTICS = (ApplicationSettings(name="robotics", writes_data=True, is_required=True),)
_RADIO = BEAM.model_copy(update={"topic_prefix": "", "applications": _ROBOTICS})
TELESCOPES: Telescopes = {
    OBEYS: BEAM,
    FALLS_SILENT: TelescopeSettings(
        title="TCA",
        kind="optical",
        latitude_deg=43.752,
        longitude_deg=6.924,
        elevation_m=1320,
        applications=_ROBOTICS,
        plan_name="TCA",
    ),
    REJECTS: _RADIO.model_copy(update={"title": "RAIN (rejects everything)"}),
    AWAY: _RADIO.model_copy(update={"title": "AWAY (nobody is there)"}),
}


class Player(NamedTuple):
    """An application that the simulator plays, and the options that it is played with."""

    telescope: str
    application: str
    options: tuple[str, ...]

    @property
    def principal(self) -> str:
        """What it logs in as."""
        return principal_of(self.telescope, TELESCOPES[self.telescope], self.application)


def players() -> tuple[Player, ...]:
    """Return every application that is played."""
    quick, data = ("--speed", str(SPEED)), ("--chunks", str(CHUNKS))
    robotics, handler = (each.name for each in BEAM.applications)
    return (
        Player(OBEYS, robotics, quick),
        Player(OBEYS, handler, (*quick, *data)),
        Player(FALLS_SILENT, "robotics", (*quick, *data, "--down", str(SILENT_S))),
        Player(REJECTS, "robotics", ("--reject", "1")),
    )


def is_here(settings: Config) -> bool:
    """Return whether the telescopes of the settings are those of the demo."""
    return settings.telescopes == TELESCOPES


def login_file(home: Path, player: Player) -> Path:
    """Return where the login of an application lies, for its owner alone."""
    return home / "demo" / "telescopes" / f"{player.principal}.properties"
