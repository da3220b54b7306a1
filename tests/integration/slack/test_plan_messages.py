"""A group's message through its life: stages, how long, the night, newer notices, the retraction."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from pipeline.gw import plan_steps, steps
from pipeline.gw.action_tables import GwDecision
from pipeline.gw.plan_clock import StageClock
from pipeline.gw.plan_job import write_stage
from pipeline.gw.plan_tables import GwClaim
from pipeline.gw.steps import Want
from pipeline.gw.tables import GwAlert, GwStep
from tests.gw_rows import held, make_group, make_plan, make_tile
from tests.slack import GW, OBSERVATIONS, TEAM, texts

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def alert(take, work, session):
    """A notice that does not plan by itself, with its thread and card."""
    take(event={"classification": {"Terrestrial": 1.0}})
    work()
    return session.scalars(select(GwAlert)).one()


@pytest.fixture
def group(session, alert):
    return make_group(session, alert, telescopes=["TCA"], max_tiles=[10], state="running")


@pytest.fixture
def tell(session, work, group):
    """Return a function that wants a report and lets workers do it; it returns what stands."""

    def one(key, standin):
        steps.want(session, [Want("report", id_gw=group.id_gw, key=key)])
        work()
        session.refresh(group)
        return str(standin.workspace.messages[GW, group.ts]["blocks"])

    return one


def end(session, plan):
    """Let the ledger know of a plan's end, as its step does."""
    step = held(session.get(GwAlert, plan.id_gw), "plan", str(plan.id))
    steps.want(session, plan_steps.ended(session, step, plan.state))
    session.commit()


def marked(standin, words):
    """Return the messages with these words in them that stand under the red banner."""
    found = [each for each in standin.workspace.messages.values() if words in str(each["blocks"])]
    return [each for each in found if each["blocks"][0].get("block_id") == "retracted"]


def test_each_stage_is_told_once(session, group, tell, standin, work, tmp_path):
    plan = make_plan(session, group, state="running", ended_at=None)
    step = held(session.get(GwAlert, plan.id_gw), "plan", str(plan.id))
    assert "starting" in tell(str(group.id), standin)

    for _ in range(3):
        write_stage("tiles", tmp_path)
        assert plan_steps._look(step, tmp_path, StageClock("tiling", "TCA")) == ""
    work()

    assert "TCA          tiles" in str(standin.workspace.messages[GW, group.ts]["blocks"])
    assert len(session.scalars(select(GwStep).where(GwStep.step == "report")).all()) == 2


def test_a_stage_cut_in_writing_is_not_told(session, group, tmp_path):
    plan = make_plan(session, group, state="running", ended_at=None)
    step = held(session.get(GwAlert, plan.id_gw), "plan", str(plan.id))

    for text in ("", "til"):
        write_stage(text, tmp_path)
        assert plan_steps._look(step, tmp_path, StageClock("tiling", "TCA")) == ""

    assert plan.stage is None


def test_a_group_tells_how_long_others_took(session, alert, group, tell, standin):
    began = datetime.now(UTC) - timedelta(hours=1)
    for position, took_s in enumerate((60, 90, 300), start=2):
        ended = began + timedelta(seconds=took_s)
        make_group(
            session, alert, position=position, state="done", created_at=began, ended_at=ended
        )
    make_plan(session, group, state="running", ended_at=None)

    assert "typically 1 min 30 s" in tell(str(group.id), standin)


def test_the_night_is_told(session, group, tell, standin):
    now = datetime.now(UTC)
    plan = make_plan(
        session,
        group,
        tile_count=1,
        first_start_at=now,
        last_end_at=now,
        dark_from=now - timedelta(hours=1),
        dark_until=now + timedelta(hours=5),
    )
    make_tile(session, plan)

    said = tell(f"{group.id}:{plan.id}", standin)

    until = f"{plan.dark_until:%d %b %H:%M}"
    assert f"{until}, dark now" in said
    [tiles] = [text for text in map(str, standin.workspace.messages.values()) if "rank" in text]
    assert f"Dark until *{until} UTC*" in tiles


@pytest.mark.parametrize(
    ("telescope", "told"),
    [
        ("TCA", "Dark until *15 Jan 05:30 UTC* (06:30 local)."),
        ("DDOTI", "Dark until *15 Jan 05:30 UTC* (14 Jan 21:30 local)."),
        ("Gone", "Dark until *15 Jan 05:30 UTC*."),
    ],
)
def test_a_team_reads_the_end_of_its_night_on_its_own_clocks(
    session, group, tell, standin, telescope, told
):
    until = datetime(2026, 1, 15, 5, 30, tzinfo=UTC)
    plan = make_plan(session, group, telescope=telescope, tile_count=1, dark_until=until)
    make_tile(session, plan)

    tell(f"{group.id}:{plan.id}", standin)

    messages = standin.workspace.messages.values()
    [own] = [each for each in messages if each["text"].startswith(f"🔭 {telescope}: 1 tiles")]
    assert told in str(own["blocks"])


def test_a_newer_notice_is_told_on_the_older_ones_plans(session, group, tell, standin, take, work):
    make_plan(session, group, tile_count=0)
    tell(str(group.id), standin)
    take("UPDATE", minute=9)
    work()

    assert "superseded by N°2" in str(standin.workspace.messages[GW, group.ts]["blocks"])


@pytest.mark.parametrize("state", ["superseded", "done"])
def test_nobody_is_told_of_a_group_that_was_superseded_before_its_first_message(
    session, group, take, work, standin, state
):
    plan = make_plan(session, group, state=state, tile_count=1)
    make_tile(session, plan)
    take("UPDATE", minute=9, event={"classification": {"Terrestrial": 1.0}})
    work()
    before = len(texts(standin, GW))

    for key in (str(group.id), f"{group.id}:{plan.id}"):
        steps.want(session, [Want("report", id_gw=group.id_gw, key=key)])
        session.commit()
    work()

    session.refresh(group)
    assert (group.state, group.ts) == ("superseded", None)
    assert len(texts(standin, GW)) == before


def test_a_retraction_marks_all_that_was_told_of_plans_and_mentions_who_took_tiles(
    session, group, tell, standin, take, work
):
    failed = make_plan(session, group, telescope="TRE", state="failed", reason="out of memory")
    plan = make_plan(session, group, tile_count=1)
    tile = make_tile(session, plan)
    for each in (failed, plan):
        tell(f"{group.id}:{each.id}", standin)
    claim = GwClaim(
        plan_id=plan.id, telescope="TCA", tile_id=tile.id, claimed_by="S", slack_user=TEAM
    )
    session.add(claim)
    session.commit()

    take("RETRACTION", minute=9)
    work()

    for words in ("Plan ready", "Plan failed: TRE", "TCA: 1 tiles for"):
        assert len(marked(standin, words)) == 1, words
    assert any(f"<@{TEAM}>" in str(each) for each in standin.workspace.messages.values())


def test_after_a_retraction_no_plan_is_told_any_more(session, group, tell, take, work, standin):
    take("RETRACTION", minute=9)
    work()
    plan = make_plan(session, group, tile_count=1)
    make_tile(session, plan)
    steps.want(session, [Want("report", id_gw=group.id_gw, key=f"{group.id}:{plan.id}")])
    before = len(texts(standin, GW))
    work()

    assert len(texts(standin, GW)) == before


def test_the_end_of_plans_gives_the_card_its_button_back(session, alert, group, work, standin):
    session.execute(update(GwAlert).values(is_process_running=True))
    plan = make_plan(session, group, tile_count=1)
    end(session, plan)
    work()

    session.refresh(alert)
    card = str(standin.workspace.messages[GW, alert.message_ts]["blocks"])
    announced = str(standin.workspace.messages[GW, alert.thread_ts]["blocks"])
    assert not alert.is_process_running
    assert "run_obs_plan" in card
    assert "1 of 1 telescopes can observe" in announced


@pytest.mark.parametrize(
    ("decision", "tile_count", "lines"),
    [("follow_up", 1, 1), ("follow_up", 0, 0), ("no_follow_up", 1, 0)],
)
def test_a_decision_is_told_again_when_plans_are_ready(
    session, alert, group, work, standin, decision, tile_count, lines
):
    decided = GwDecision(
        id_gw=alert.id_gw, trigger_id=alert.trigger_id, decision=decision, decided_by="Vera"
    )
    session.add(decided)
    plan = make_plan(session, group, tile_count=tile_count)
    for _ in range(2):
        end(session, plan)
        work()

    found = texts(standin, OBSERVATIONS)
    assert len(found) == lines
    assert all(text.endswith("FOLLOW UP, the plan is ready") for text in found)
