"""Who takes which tiles, has observed them, or gives them back; what they are told of it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from pipeline.gw.plan_tables import GwClaim, GwPlanTile, GwTelescopeOutage
from tests.gw_rows import make_group, make_plan, make_tile
from tests.slack import OBSERVATIONS, SHIFTER, TEAM, texts, unix_s

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

CLOUDS = {"reason": "clouds", "until": unix_s(3600)}


@pytest.fixture
def plan(told, session):
    """A plan of six tiles."""
    made = make_plan(session, make_group(session, told, state="done"), state="done")
    for rank in range(1, 7):
        make_tile(session, made, rank_id=rank, tile_id=9785 + rank)
    session.commit()
    return made


@pytest.fixture
def team_press(press, plan):
    """Return a function that presses a button below the plan's tiles; it returns the answer."""

    def one(action_id, user=TEAM, tiles=None, form=None):
        form = {"tiles": tiles} if tiles else form
        who = "Subra" if user == TEAM else "Vera"
        row = press("1.0", action_id, user, who, role=None, value=str(plan.id), form=form)
        return row.last_error

    return one


@pytest.fixture
def claims(session):
    """Return a function that says how each tile stands: rank, whose, state, by rank."""

    def found():
        session.expire_all()
        rows = session.execute(
            select(GwPlanTile.rank_id, GwClaim.slack_user, GwClaim.state)
            .join(GwClaim, GwClaim.tile_id == GwPlanTile.id)
            .order_by(GwPlanTile.rank_id, GwClaim.id)
        )
        return [tuple(row) for row in rows]

    return found


def told_ranks(standin):
    """Return the ranks in the lines of each message to the observations."""
    return [
        [int(line.split(" id ")[1].split()[0]) for line in text.splitlines()]
        for text in texts(standin, OBSERVATIONS)
    ]


def test_tiles_that_another_had_meanwhile_are_named(team_press, claims, standin):
    assert team_press("claim_tiles", tiles="1-3") == "You have taken tiles 1-3 of TCA."

    answer = team_press("claim_tiles", SHIFTER, tiles="2-4, 6")

    assert answer == "You have taken tiles 4, 6 of TCA. Taken already: 2-3 (Subra)."
    assert claims() == [
        *((rank, TEAM, "claimed") for rank in (1, 2, 3)),
        (4, SHIFTER, "claimed"),
        (6, SHIFTER, "claimed"),
    ]
    assert told_ranks(standin) == [[1, 2, 3], [4, 6]]
    assert [each["to"] for each in standin.workspace.whispers] == [TEAM, SHIFTER]


def test_tiles_that_are_all_taken_are_refused(team_press, claims, standin):
    team_press("claim_tiles", tiles="1-3")

    assert team_press("claim_tiles", SHIFTER, tiles="3, 1") == (
        "These tiles are taken already: 1, 3 (Subra)."
    )
    assert len(claims()) == 3
    assert told_ranks(standin) == [[1, 2, 3]]


def test_a_second_turn_is_told_with_its_own_tiles_alone(team_press, standin):
    team_press("claim_tiles", tiles="1")
    team_press("claim_tiles", tiles="1-2")

    assert told_ranks(standin) == [[1], [2]]


def test_all_that_is_left_is_taken_by_one_press(team_press, claims, standin):
    team_press("claim_tiles", tiles="2")

    answer = team_press("claim_all_tiles", SHIFTER)

    assert answer == "You have taken tiles 1, 3-6 of TCA. Taken already: 2 (Subra)."
    assert team_press("claim_all_tiles", TEAM) == (
        "These tiles are taken already: 1, 3-6 (Vera), 2 (Subra)."
    )
    [_, lines] = texts(standin, OBSERVATIONS)
    assert lines.count("I received the plan and I will start observing with TCA id ") == 5
    assert "id 1 tile id 9786 RA" in lines


@pytest.mark.parametrize("action_id", ["claim_tiles", "observation_done"])
def test_without_its_form_nothing_is_taken_or_noted(team_press, claims, action_id):
    team_press("claim_tiles", SHIFTER, tiles="1")

    assert team_press(action_id).startswith("The form could not be opened in time.")
    assert claims() == [(1, SHIFTER, "claimed")]


@pytest.mark.parametrize("tiles", ["x", "9-1", "501"])
def test_a_form_that_makes_no_sense_takes_nothing(team_press, claims, tiles):
    assert team_press("claim_tiles", tiles=tiles).startswith("No tile was taken: tiles: “")
    assert claims() == []


def test_a_part_of_ones_tiles_is_noted_as_observed(team_press, claims):
    team_press("claim_tiles", tiles="1-4")

    answer = team_press("observation_done", tiles="1-2, 6")

    assert answer == (
        "Thank you: tiles 1-2 of TCA noted as observed."
        " Not noted, as nobody has it to observe: tile 6."
    )
    assert [state for _, _, state in claims()] == ["done", "done", "claimed", "claimed"]


def test_nothing_that_nobody_took_is_noted_as_observed(team_press, claims):
    assert team_press("observation_done", tiles="1").startswith("Nobody has taken tiles")
    team_press("claim_tiles", tiles="1")

    assert team_press("observation_done", tiles="2") == (
        "Not noted, as nobody has it to observe: tile 2."
    )
    assert claims() == [(1, TEAM, "claimed")]


def test_a_telescope_that_cannot_observe_is_out_and_keeps_what_it_has_observed(
    team_press, claims, session
):
    team_press("claim_tiles", tiles="1-3")
    team_press("observation_done", tiles="1")

    answer = team_press("cannot_observe", form=CLOUDS)

    [outage] = session.scalars(select(GwTelescopeOutage))
    assert (outage.telescope, outage.reason) == ("TCA", "clouds")
    assert outage.until_at.timestamp() == CLOUDS["until"]
    assert answer.endswith("UTC; thank you. Given back: tiles 2-3.")
    assert [state for _, _, state in claims()] == ["done", "released", "released"]


def test_tiles_that_were_given_back_may_be_taken_by_others(team_press, claims, standin):
    for user in (TEAM, SHIFTER, TEAM):
        team_press("claim_all_tiles", user)
        team_press("cannot_observe", user, form=CLOUDS)
    team_press("claim_tiles", tiles="5")

    answer = team_press("claim_tiles", SHIFTER, tiles="4-5")

    assert answer == "You have taken tile 4 of TCA. Taken already: 5 (Subra)."
    assert [each for each in claims() if each[2] == "claimed"] == [
        (4, SHIFTER, "claimed"),
        (5, TEAM, "claimed"),
    ]
    assert told_ranks(standin) == [[1, 2, 3, 4, 5, 6]] * 3 + [[5], [4]]


def test_of_many_tiles_no_line_is_cut(told, press, session, standin):
    many = make_plan(session, make_group(session, told, state="done"), state="done")
    for rank in range(1, 41):
        make_tile(session, many, rank_id=rank, tile_id=9785 + rank)
    session.commit()

    press("1.0", "claim_all_tiles", TEAM, role=None, value=str(many.id))

    assert [rank for ranks in told_ranks(standin) for rank in ranks] == list(range(1, 41))
    lines = "\n".join(texts(standin, OBSERVATIONS)).split("\n")
    assert len({line.partition(" date ")[2] for line in lines}) == 1


def test_a_place_has_one_taker_in_all_plans_of_its_telescope(
    team_press, press, claims, told, session, plan
):
    again = make_plan(session, make_group(session, told, run=2, state="done"), generation=2)
    make_tile(session, again, rank_id=1, tile_id=9787, ra_deg=346.1035)
    make_tile(session, again, rank_id=2, tile_id=1, ra_deg=1.0)
    session.commit()
    team_press("claim_tiles", tiles="2")

    form = {"tiles": "1-2"}
    row = press("1.0", "claim_tiles", SHIFTER, "Vera", role=None, value=str(again.id), form=form)

    assert row.last_error == "You have taken tile 2 of TCA. Taken already: 1 (Subra)."
    assert claims() == [(2, TEAM, "claimed"), (2, SHIFTER, "claimed")]


def test_before_it_is_dark_nothing_was_observed(team_press, claims, session, plan):
    team_press("claim_tiles", tiles="1")
    plan.dark_from = datetime.now(UTC) + timedelta(hours=9)
    session.commit()

    assert team_press("observation_done", tiles="1").startswith(
        f"Nothing was noted: it gets dark there at {plan.dark_from:%d %b %H:%M} UTC"
    )
    assert claims() == [(1, TEAM, "claimed")]


def test_what_was_noted_before_is_said_to_be(team_press):
    team_press("claim_tiles", tiles="1-2")
    team_press("observation_done", tiles="1")

    assert team_press("observation_done", tiles="1-3") == (
        "Thank you: tile 2 of TCA noted as observed. Noted before: tile 1."
        " Not noted, as nobody has it to observe: tile 3."
    )
