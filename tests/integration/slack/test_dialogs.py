"""Dialogs of Slack: what they ask, within the 3 s of a click, and how they are refused."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from broker.config import ConfigError, build
from pipeline.gw.plan_tables import GwClaim, GwPlanTile
from pipeline.simulate.slack import clicks
from pipeline.simulate.slack.faults import Fault
from pipeline.web import slack_actions
from tests.gw_rows import make_tile
from tests.integration.slack.requests import answered, kept, opened, pressed, send
from tests.slack import GW, SHIFTER, TEAM

pytestmark = [pytest.mark.integration, pytest.mark.django_db, pytest.mark.usefixtures("rings")]
OF_REQUESTS = slack_actions._impatient_slack.__wrapped__
"""What makes the client of requests, anew."""


def test_plan_options_open_a_dialog_for_a_shifter(standin, session, shifter):
    view = opened(standin, pressed(standin, "plan_options"))

    assert kept(session) == []
    assert [block["block_id"] for block in view["blocks"]] == [
        "telescopes",
        "strategy",
        "max_tiles",
        "exposure_s",
        "window_start",
        "window_end",
    ]


def test_plan_options_choose_those_that_are_planned_by_tiling(standin, shifter):
    """The default groups: tiling with four telescopes, galaxies with four others."""
    view = opened(standin, pressed(standin, "plan_options"))

    telescopes, strategy, *_ = (block["element"] for block in view["blocks"])
    chosen = {option["value"] for option in telescopes["initial_options"]}
    assert chosen == {"TCH", "TRE", "TCA", "FZU-CTA-N"}
    assert strategy["initial_option"]["value"] == "tiling"


def test_plan_options_say_why_the_window_begins_later_and_that_it_need_not(standin, shifter):
    view = opened(standin, pressed(standin, "plan_options"))

    [begin] = [block for block in view["blocks"] if block["block_id"] == "window_start"]
    assert begin["hint"]["text"] == (
        "1 h from now gives teams time to get ready; it may be earlier, even now."
    )


def test_plan_options_open_nothing_for_others(standin, session):
    payload = pressed(standin, "plan_options")

    assert send(payload) == 200

    assert standin.calls == []
    assert [row.role for row in kept(session)] == [None]


@pytest.mark.parametrize("kind", ["broken", "busy", "cut"])
def test_a_dialog_that_does_not_open_leaves_a_click_to_be_answered(standin, session, shifter, kind):
    standin.faults.add("views.open", Fault(kind, seconds=60))

    assert send(pressed(standin, "plan_options")) == 200

    assert [row.action_id for row in kept(session)] == ["plan_options"]
    assert standin.calls == ["views.open"]


def test_a_click_is_kept_without_waiting_for_slack_that_hangs(
    standin, session, shifter, monkeypatch
):
    """Slack wants its answer within 3 s: one call, with the limit of time that the settings bound.

    A request that waited for the call would have opened the dialog, and kept no click.
    """
    monkeypatch.setattr(slack_actions, "_impatient_slack", OF_REQUESTS)
    standin.faults.add("views.open", Fault("hang", seconds=20))
    payload = pressed(standin, "plan_options")

    assert send(payload) == 200

    assert [row.action_id for row in kept(session)] == ["plan_options"]
    assert standin.workspace.triggers.opened_by(payload["trigger_id"]) == ""
    assert standin.calls == ["views.open"]


def test_no_setting_lets_a_dialog_take_as_long_as_slack_waits():
    with pytest.raises(ConfigError, match="dialog_timeout_s"):
        build({"NIGHTJAR_SLACK__DIALOG_TIMEOUT_S": "3"})


def filled_in(begin, **changed):
    """Return what somebody typed into *Plan options*, for twelve hours."""
    end = begin + timedelta(hours=12)
    values = {
        "telescopes": ["TCA", "TRE"],
        "strategy": ["galaxies"],
        "max_tiles": ["12"],
        "exposure_s": ["60"],
        "window_start": [f"{begin:%Y-%m-%dT%H:%M}"],
        "window_end": [f"{end:%Y-%m-%dT%H:%M}"],
    }
    return {f"{block}/field": given for block, given in (values | changed).items()}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"exposure_s": ["1000000000"]}, {"exposure_s": "at most 7200"}),
        ({"window_end": ["2001-01-01T00:00"]}, {"window_end": "the window is over"}),
        ({"telescopes": []}, {"telescopes": "choose at least one telescope"}),
    ],
)
def test_a_dialog_that_cannot_be_planned_stays_open_and_says_why(
    standin, session, shifter, changed, fault
):
    view = opened(standin, pressed(standin, "plan_options"))
    form = filled_in(datetime.now(UTC) + timedelta(hours=1), **changed)
    answer = answered(clicks.submit(standin.workspace, SHIFTER, view, form))

    told = answer.json()
    assert answer.status_code == 200
    assert told["response_action"] == "errors"
    assert told["errors"].keys() == fault.keys()
    assert all(words in told["errors"][block] for block, words in fault.items())
    assert kept(session) == []


def test_a_filled_in_dialog_is_kept_once(standin, session, shifter):
    view = opened(standin, pressed(standin, "plan_options"))
    begin = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=1)
    submitted = clicks.submit(standin.workspace, SHIFTER, view, filled_in(begin))

    assert [send(submitted), send(submitted)] == [200, 200]

    [row] = kept(session)
    assert row.form == {
        "telescopes": ["TCA", "TRE"],
        "strategy": "galaxies",
        "max_tiles": "12",
        "exposure_s": "60",
        "window_start": begin.timestamp(),
        "window_end": begin.timestamp() + 12 * 3600,
    }
    assert (row.channel, row.message_ts, row.value) == (GW, "1.000001", "7")


def test_a_team_that_cannot_observe_is_asked_why(standin, session):
    view = opened(standin, pressed(standin, "cannot_observe", TEAM))

    assert [block["block_id"] for block in view["blocks"]] == ["reason", "until"]


def take(session, plan, user, *ranks, state="claimed"):
    """Let somebody have tiles."""
    ids = {tile.rank_id: tile.id for tile in session.scalars(select(GwPlanTile))}
    for rank in ranks:
        claim = GwClaim(plan_id=plan.id, telescope="TCA", tile_id=ids[rank], state=state)
        claim.slack_user, claim.claimed_by = user, "Vera" if user == SHIFTER else "Subra"
        session.add(claim)
    session.commit()


def asked(view):
    """Return the texts of a dialog about tiles: who has which, and what is chosen."""
    known, tiles = view["blocks"]
    return known["text"]["text"].splitlines(), tiles["element"]["initial_value"]


def test_whoever_takes_tiles_is_asked_which_and_told_who_has_the_others(standin, session, plan):
    make_tile(session, plan, rank_id=3, tile_id=9788)
    take(session, plan, SHIFTER, 1)

    view = opened(standin, pressed(standin, "claim_tiles", TEAM, value=str(plan.id)))

    assert asked(view) == (["*Free:* 2-3", "*Taken:* 1 (Vera)"], "2-3")


def test_of_the_taken_tiles_ones_own_are_chosen_as_observed(standin, session, plan):
    for rank in (3, 4):
        make_tile(session, plan, rank_id=rank, tile_id=9785 + rank)
    take(session, plan, SHIFTER, 1)
    take(session, plan, TEAM, 2, 4)
    take(session, plan, TEAM, 3, state="done")

    view = opened(standin, pressed(standin, "observation_done", TEAM, value=str(plan.id)))

    told = ["*Free:* none", "*Taken:* 1 (Vera), 2, 4 (Subra), 3 (Subra, observed)"]
    assert asked(view) == (told, "2, 4")


def test_whoever_has_no_tile_may_note_those_of_others(standin, session, plan):
    take(session, plan, SHIFTER, 1)

    view = opened(standin, pressed(standin, "observation_done", TEAM, value=str(plan.id)))

    assert asked(view) == (["*Free:* 2", "*Taken:* 1 (Vera)"], "1")


@pytest.mark.parametrize("action_id", ["claim_tiles", "observation_done"])
def test_where_no_tile_can_be_chosen_the_click_is_answered(standin, session, plan, action_id):
    take(session, plan, SHIFTER, 1, 2, state="done")

    assert opened(standin, pressed(standin, action_id, TEAM, value=str(plan.id))) is None

    assert [(row.action_id, row.form) for row in kept(session)] == [(action_id, None)]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ("1-x", "“1-x” is no tile and no span of tiles: write 1-5, 8"),
        ("", "say which tiles by their rank, such as 1-5, 8"),
        ("2-4", "no tile 3-4: the plan has 1-2"),
    ],
)
def test_tiles_that_are_none_are_refused_at_their_field(standin, session, plan, typed, fault):
    view = opened(standin, pressed(standin, "claim_tiles", TEAM, value=str(plan.id)))

    answer = answered(clicks.submit(standin.workspace, TEAM, view, {"tiles/field": [typed]}))

    assert answer.json() == {"response_action": "errors", "errors": {"tiles": fault}}
    assert kept(session) == []


def test_chosen_tiles_are_kept_with_their_plan(standin, session, plan):
    view = opened(standin, pressed(standin, "claim_tiles", TEAM, value=str(plan.id)))

    assert send(clicks.submit(standin.workspace, TEAM, view, {"tiles/field": ["2"]})) == 200

    [row] = kept(session)
    assert (row.action_id, row.form, row.value) == ("claim_tiles", {"tiles": "2"}, str(plan.id))
