"""Settings of observation plans: who is planned together, for when, within which limits."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from broker.sections import Section

GIBIBYTE = 2**30
MOST_TILES = 500
LONGEST_EXPOSURE_S = 7200
LONGEST_DELAY_H, LONGEST_WINDOW_H = 240, 168
MaxTiles = Annotated[int, Field(ge=1, le=MOST_TILES)]
ExposureS = Annotated[float, Field(gt=0, le=LONGEST_EXPOSURE_S)]
Strategy = Literal["tiling", "galaxies"]
EventClass = Literal["BNS", "NSBH", "BBH", "Terrestrial"]


class PlanGroupSettings(Section):
    """Telescopes that are planned and told together."""

    telescopes: Annotated[
        tuple[str, ...], Field(min_length=1, description="names in the table of telescopes")
    ]
    max_tiles: Annotated[
        tuple[MaxTiles, ...],
        Field(min_length=1, description="pointings at most, of each telescope"),
    ]
    strategy: Annotated[Strategy, Field(description="a fixed grid, or fields of galaxies")]
    classes: Annotated[
        tuple[EventClass, ...], Field(description="planned for these classes; empty: for all")
    ] = ()
    max_distance_mpc: Annotated[
        float | None,
        Field(gt=0, description="galaxies: no plan beyond; none given: gw.distance_max_mpc [Mpc]"),
    ] = None

    @model_validator(mode="after")
    def _each_has_a_limit(self) -> "PlanGroupSettings":
        if len(self.telescopes) != len(self.max_tiles):
            raise ValueError("max_tiles must have one number for each telescope")
        return self


DEFAULT_GROUPS = (
    PlanGroupSettings(telescopes=("TCH", "TRE"), max_tiles=(10, 10), strategy="tiling"),
    PlanGroupSettings(telescopes=("TCA", "FZU-CTA-N"), max_tiles=(10, 15), strategy="tiling"),
    PlanGroupSettings(
        telescopes=("FZU-Auger", "UBAI-T60S"), max_tiles=(15, 10), strategy="galaxies"
    ),
    PlanGroupSettings(telescopes=("KAO", "COLIBRI"), max_tiles=(10, 10), strategy="galaxies"),
)
"""GRANDMA's habit."""


class GwPlanSettings(Section):
    """How a plan is made, and what its process may take."""

    exposure_s: Annotated[ExposureS, Field(description="of each pointing [s]")] = 30
    airmass_max: Annotated[float, Field(gt=1, le=5, description="of each pointing")] = 2.5
    begin_after_h: Annotated[
        float,
        Field(ge=0, le=LONGEST_DELAY_H, description="the window begins so long after now [h]"),
    ] = 1
    window_h: Annotated[
        float, Field(gt=0, le=LONGEST_WINDOW_H, description="length of the window [h]")
    ] = 24
    confidence: Annotated[
        float, Field(gt=0, lt=1, description="credible region whose tiles and galaxies count")
    ] = 0.9
    galaxies_kept: Annotated[
        int, Field(gt=0, le=5000, description="best galaxies from which fields are made")
    ] = 500
    files_days: Annotated[
        int, Field(gt=0, description="a plan's tables and pictures are kept here so long [d]")
    ] = 30
    processes: Annotated[int, Field(ge=1, le=16, description="plans made at the same time")] = 2
    time_limit_s: Annotated[
        int, Field(gt=0, le=330, description="a plan's process is ended after this time [s]")
    ] = 300
    memory_bytes: Annotated[
        int, Field(ge=GIBIBYTE, description="address space of a plan's process [bytes]")
    ] = 4 * GIBIBYTE
    output_bytes: Annotated[
        int, Field(ge=1_000_000, description="of all that a plan's process writes [bytes]")
    ] = 52_428_800
