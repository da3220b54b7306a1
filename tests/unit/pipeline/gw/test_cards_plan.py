from datetime import UTC, datetime, timedelta

import pytest

from pipeline.gw.cards_plan import (
    PlanSummary,
    TelescopePlan,
    already_running,
    manual_plan,
    plan_failed,
    plan_finished,
    plan_started,
)
from pipeline.gw.cards_tiles import TelescopeTiles, Tile, telescope_tiles
from tests.block_kit import buttons, faults, shown

START = datetime(2024, 11, 2, 17, 0, tzinfo=UTC)
FIRST = datetime(2024, 11, 2, 17, 26, 37, tzinfo=UTC)
TCA = TelescopePlan(
    "TCA",
    "done",
    tile_count=10,
    probability=0.888,
    coverage=0.883,
    first_at=FIRST,
    last_at=FIRST + timedelta(minutes=15),
    dark_until=FIRST + timedelta(hours=11),
    is_dark_now=True,
)
LONG = "<&>`" * 2500


def plan(*telescopes, **given):
    values = {
        "trigger_id": "S241102br",
        "reference": "7",
        "task_id": "plan-7",
        "strategy": "tiling",
        "started_at": START,
        "now": START + timedelta(seconds=75),
    }
    return PlanSummary(telescopes=telescopes, **values | given)


def table_of(message):
    text = next(line for line in shown(message).split("```") if "\n" in line and "TCA" in line)
    return text.strip().splitlines()


def test_a_plan_that_runs_tells_how_far_it_is():
    running = TelescopePlan("TRE", "running", "tiles")

    message = plan_started(plan(TCA, running, typical=timedelta(minutes=2), notice="N°2 INITIAL"))

    assert message.text == "🔭 Planning S241102br: 1/2 telescopes"
    for line in (
        "*Strategy:* 🧱 Tiling",
        "*Notice:* N°2 INITIAL",
        "*Task:* plan-7",
        "*Start:* 2024-11-02 17:00:00 UTC",
        "*Elapsed:* 1 min 15 s, typically 2 min 0 s",
        "✅ TCA          done",
        "⏳ TRE          tiles",
    ):
        assert line in shown(message)
    assert buttons(message) == {"cancel_plan": "7"}


def test_a_plan_that_ended_tells_what_came_out():
    empty = TelescopePlan("TCH", "done")
    failed = TelescopePlan("FZU-CTA-N", "failed", cause="out of memory")

    message = plan_finished(plan(TCA, empty, failed, owncloud="https://example.org/f"))

    assert message.text == "⚠️ Plan ready in part: S241102br: 2 done, 1 failed"
    assert table_of(message) == [
        "telescope    tiles   prob  of 90 %  first – last UTC           dark until UTC",
        "TCA             10   89 %     88 %  02 Nov 17:26–17:41         03 Nov 04:26, dark now",
        "TCH              0  nothing to observe",
        "FZU-CTA-N    failed",
    ]
    assert "prob: that the source lies in its tiles · of 90 %: area of the" in shown(message)
    assert "*Took:* 1 min 15 s" in shown(message)
    assert "❌ *FZU-CTA-N*: out of memory" in shown(message)
    assert buttons(message) == {"open_owncloud": "https://example.org/f"}


def test_a_long_name_leaves_the_columns_aligned():
    telescopes = (TCA, TelescopePlan("Abastumani-T70", "done", tile_count=8, probability=0.13))

    ended = table_of(plan_finished(plan(*telescopes)))
    running = table_of(plan_started(plan(*telescopes)))

    assert [line[:20] for line in ended] == [
        "telescope      tiles",
        "TCA               10",
        "Abastumani-T70     8",
    ]
    assert {line.index("done") for line in running} == {17}


def test_a_span_beyond_midnight_names_both_days():
    late = TelescopePlan("TCA", "done", "", "", 1, 0.5, 0.5, FIRST, FIRST + timedelta(hours=7))

    assert "02 Nov 17:26–03 Nov 00:26  n/a" in table_of(plan_finished(plan(late)))[1]


@pytest.mark.parametrize(
    ("states", "title"),
    [
        (["done", "done"], "➖ Nothing observable: S241102br"),
        (["failed", "skipped"], "❌ Plan failed: S241102br"),
        (["skipped"], "➖ Nothing to plan: S241102br"),
        (["done", "superseded"], "⏭️ Plan superseded by a newer notice: S241102br"),
        (["done", "cancelled"], "⏹️ Plan cancelled: S241102br"),
    ],
)
def test_the_headline_is_the_groups_end(states, title):
    message = plan_finished(plan(*(TelescopePlan("TCA", state) for state in states)))

    assert message.blocks[0]["text"]["text"] == title


def test_tiles_of_one_telescope_make_a_plan():
    message = plan_finished(plan(TCA, TelescopePlan("TCH", "done")))

    assert message.blocks[0]["text"]["text"] == "✅ Plan ready: S241102br"


def test_a_plan_before_it_has_begun_is_queued():
    waiting, starting = TelescopePlan("TCA"), TelescopePlan("TRE", "running")

    lines = table_of(plan_started(plan(waiting, starting)))

    assert lines == ["🕐 TCA          queued", "⏳ TRE          starting"]


def test_a_group_without_plans_can_be_told():
    assert faults(plan_started(plan())) == []
    assert faults(plan_finished(plan())) == []


def test_galaxies_are_named():
    assert "🌌 Galaxy targeting" in shown(plan_started(plan(TCA, strategy="galaxies")))


def test_a_failed_plan_can_be_tried_again():
    message = plan_failed("S241102br", "TCA", "killed by <the> kernel", "9")

    assert message.blocks[0]["text"]["text"] == "❌ Plan failed: TCA"
    assert "*S241102br*: killed by &lt;the&gt; kernel" in shown(message)
    assert buttons(message) == {"retry_plan": "9"}


def test_a_manual_plan_names_who_asked():
    message = manual_plan("S241102br", "U0ABCDEF1")

    assert message.text == "Manual GWEMOPT processing for S241102br"
    assert "Triggered by <@U0ABCDEF1>" in shown(message)


def test_a_second_click_is_led_to_the_running_plan():
    message = already_running("S241102br", "https://example.slack.com/archives/C1/p1")

    assert "<https://example.slack.com/archives/C1/p1|see it>" in shown(message)


def test_a_team_gets_its_own_tiles_aligned():
    tiles = (
        Tile(1, 10080, 345.1035, 41.7526, 0.0412, FIRST),
        Tile(2, 99, 5.5, -1.25, 0.00001234, FIRST + timedelta(seconds=90)),
    )
    plan = TelescopeTiles("S241102br", "TCA", "9", tiles, FIRST, "22:12 local", "https://x.org/f")

    message = telescope_tiles(plan)

    assert shown(message).split("```")[1].strip("\n").splitlines() == [
        "rank   tile       RA      DEC     prob  start UTC",
        "   1  10080 345.1035 +41.7526    4.1 %  02 Nov 17:26:37",
        "   2     99   5.5000  -1.2500 0.0012 %  02 Nov 17:28:07",
    ]
    assert "Dark until *02 Nov 17:26 UTC* (22:12 local)" in shown(message)
    assert "prob: that the source lies in that tile" in shown(message)
    assert buttons(message) == {
        "claim_tiles": "9",
        "claim_all_tiles": "9",
        "cannot_observe": "9",
        "observation_done": "9",
        "open_owncloud": "https://x.org/f",
    }


def test_nothing_to_observe_is_an_answer():
    message = telescope_tiles(TelescopeTiles("S241102br", "TCH", "9", ()))

    assert "No tiles to observe." in shown(message)
    assert set(buttons(message)) == {"cannot_observe"}


def test_absurd_plans_fit_slack():
    telescope = TelescopePlan(LONG, LONG, LONG, LONG, 10**12, 2.0, -1.0, FIRST, FIRST)
    many = plan(*[telescope] * 500, trigger_id=LONG, task_id=LONG, strategy=LONG, notice=LONG)
    tiles = tuple(Tile(at, at, 1.0, 1.0, 0.1, FIRST) for at in range(1000))

    assert faults(plan_started(many)) == []
    assert faults(plan_finished(many)) == []
    assert faults(plan_failed(LONG, LONG, LONG, LONG)) == []
    assert faults(manual_plan(LONG, LONG)) == []
    assert faults(already_running(LONG, LONG)) == []
    message = telescope_tiles(TelescopeTiles(LONG, LONG, LONG, tiles, FIRST, LONG))
    assert faults(message) == []
    assert "more" in shown(message)
