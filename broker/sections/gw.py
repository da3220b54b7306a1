"""Settings of the GW follow-up: the score, what happens by itself, where things are kept."""

from typing import Annotated, Literal

from pydantic import Field

from broker.sections import Section, Share
from broker.sections.gw_plans import DEFAULT_GROUPS, GwPlanSettings, PlanGroupSettings


class GwSuggestionSettings(Section):
    """The cookbook's suggestion beside the score; a human decides."""

    area_deg2: Annotated[
        float, Field(gt=0, description="a 50 or 90 % area below this is small [deg²]")
    ] = 200
    distance_mpc: Annotated[float, Field(gt=0, description="nearer than this is near [Mpc]")] = 200
    bbh_near_area_deg2: Annotated[
        float, Field(gt=0, description="largest 90 % area of a near BBH [deg²]")
    ] = 1000


class GwSettings(Section):
    """GW notices: their score, what they start by themselves, how long they are kept."""

    bbh_probability_min: Annotated[
        Share, Field(description="a BBH counts above this probability")
    ] = 0.5
    distance_max_mpc: Annotated[
        float, Field(gt=0, description="an event nearer than this is near [Mpc]")
    ] = 500
    area_bns_nsbh_max_deg2: Annotated[
        float, Field(gt=0, description="a 90 % area of BNS or NSBH below this is small [deg²]")
    ] = 500
    area_bbh_max_deg2: Annotated[
        float, Field(gt=0, description="a 90 % area of BBH below this is small [deg²]")
    ] = 500
    distance_for_score: Annotated[
        Literal["header", "region"],
        Field(description="the map's distance, or the mean of DISTMU in its 90 % region"),
    ] = "header"
    max_notice_age_h: Annotated[
        float, Field(gt=0, description="an older notice is stored without a word in Slack [h]")
    ] = 24
    plan_early_warning: Annotated[
        bool, Field(description="early warnings with score 2 or 3 plan by themselves")
    ] = True
    plan_mocks: Annotated[
        bool, Field(description="mocks plan as real events do, inside the mock channel")
    ] = False
    mock_channel: Annotated[
        str, Field(description="Slack channel id of mocks and tests; empty: they are not posted")
    ] = ""
    mock_maps_kept: Annotated[
        int, Field(ge=0, description="sky maps of mocks and tests that are kept, the newest")
    ] = 20
    mock_retention_days: Annotated[
        int, Field(gt=0, description="rows of mocks and tests are kept so long [d]")
    ] = 30
    notice_dir: Annotated[
        str, Field(description="folder of real notices as JSON files; empty: none are written")
    ] = ""
    notice_retention_days: Annotated[
        int,
        Field(
            gt=0,
            description="files in notice_dir, GCN's other messages and refused clicks are kept so"
            " long [d]",
        ),
    ] = 365
    skyportal_url: Annotated[
        str, Field(description="link of the SkyPortal button, {id} is the event; empty: no button")
    ] = "https://skyportal-icare.ijclab.in2p3.fr/source/{id}"
    plan_groups: Annotated[
        tuple[PlanGroupSettings, ...],
        Field(description="telescopes that are planned and told together, in this order"),
    ] = DEFAULT_GROUPS
    suggestion: Annotated[GwSuggestionSettings, Field(description="limits of the suggestion")] = (
        GwSuggestionSettings()
    )
    plans: Annotated[GwPlanSettings, Field(description="how plans are made")] = GwPlanSettings()
