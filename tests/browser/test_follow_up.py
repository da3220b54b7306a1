"""An evening in Slack: what a shifter and a team see after each click, on the stand-in's page."""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page

from broker.config import config
from broker.db import transaction
from pipeline.clients.slack import slack
from pipeline.gw import plan_process, planner, steps
from pipeline.gw.plan_job import RESULT_FILE, PlannedTile, PlanResult
from pipeline.simulate.slack import clicks, triggers
from pipeline.simulate.slack.server import CHANGED, StandIn
from tests import gw_work
from tests.e2e import site as sites
from tests.e2e.system import System
from tests.e2e.upkeep import use_own_redis
from tests.redis_databases import RedisDatabase
from tests.slack import GW, SHIFTER, TEAM, serving, settings

GROUP = '[{"telescopes": ["TCA"], "max_tiles": [10], "strategy": "tiling"}]'
DARK_UNTIL = datetime(2026, 1, 3, 5, 30, tzinfo=UTC)
WRITES = "import pathlib, sys; pathlib.Path(sys.argv[1], sys.argv[2]).write_text(sys.argv[3])"
WORK = (*gw_work.QUICK, "plans", "plan")
VERA = """WITH made AS (
    INSERT INTO auth_user (username, password, first_name, last_name, email,
                           is_staff, is_active, is_superuser, date_joined)
    VALUES ('vera', '', '', '', '', true, true, true, now()) RETURNING id)
INSERT INTO staff_records (user_id, slack_user_id) SELECT id, %s FROM made"""


def tile(rank: int) -> PlannedTile:
    """Make a pointing of a plan."""
    start = DARK_UNTIL - timedelta(hours=9) + timedelta(minutes=rank)
    return PlannedTile(
        rank_id=rank,
        tile_id=9785 + rank,
        ra_deg=45.0,
        dec_deg=40.0 - rank,
        probability=0.1,
        cumulative_probability=0.1 * rank,
        start=start,
        end=start + timedelta(seconds=30),
        exposure_s=30.0,
        filter="r",
        airmass=1.2,
    )


RESULT = PlanResult(
    telescope="TCA",
    strategy="tiling",
    scheduler="greedy_slew",
    tiles=(tile(1), tile(2), tile(3)),
    probability=0.3,
    dark_until=DARK_UNTIL,
)


@dataclass(frozen=True)
class Evening:
    """The running parts: the site that is clicked at, and Slack's page; workers are this test."""

    slack: StandIn

    def hear(self, *notice: Any, **given: Any) -> None:
        """Take a notice, and do all that follows."""
        with transaction() as session:
            gw_work.store_notice(session, *notice, **given)
        self.work()

    def work(self) -> None:
        """Do what workers would do."""
        while self._round():
            pass

    def _round(self) -> int:
        with transaction() as session:
            return gw_work.work(session, WORK)

    def thread(self, user: str) -> str:
        """Return the page of the first event's thread, as somebody sees it."""
        [first, *_] = self.slack.workspace.in_channel(GW)
        return f"{self.slack.url}/channels/{GW}?user={user}&thread={first['ts']}"


@pytest.fixture
def evening(
    make_system: Callable[[str], AbstractContextManager[System]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Evening]:
    """Start the site's web server and Slack's stand-in on a database of their own."""
    folder = tmp_path_factory.mktemp("evening")
    url = f"http://localhost:{sites.free_port()}"
    with (
        make_system("evening") as system,
        serving(folder / "slack") as standin,
        pytest.MonkeyPatch.context() as patch,
    ):
        given = settings(standin) | {
            "NIGHTJAR_HOME": str(folder),
            "NIGHTJAR_GW__PLAN_GROUPS": GROUP,
            "NIGHTJAR_WEB__PORT": url.rpartition(":")[2],
            "NIGHTJAR_WEB__PUBLIC_URL": url,
        }
        for name, value in given.items():
            patch.setenv(name, value)
        _forget()
        result = RESULT.model_dump_json()
        command = (sys.executable, "-c", WRITES)
        patch.setattr(plan_process, "command", lambda of: (*command, str(of), RESULT_FILE, result))
        patch.setattr(planner, "is_here", lambda: True)
        patch.setattr(steps, "enqueue", lambda *_: None)  # this test is the worker
        patch.setattr(triggers, "TRIGGER_S", 60)  # a busy machine is no reason to fail
        patch.setattr(clicks, "PATIENCE_S", 60)
        use_own_redis(system, RedisDatabase.BROWSER_FOLLOW_UP, **given)
        system.sql(VERA, SHIFTER)
        sites.start_web(system, url)
        standin.action_url = f"{url}/api/slack/actions"
        yield Evening(standin)
    _forget()


def _forget() -> None:
    config.cache_clear()
    slack.cache_clear()


def press(page: Page, label: str) -> None:
    """Press a button of the thread."""
    page.locator("aside").get_by_role("button", name=label).last.click()


def fill(page: Page, block: str, text: str) -> None:
    """Type into a field of the dialog that is open."""
    page.locator(f'.dialog [name="{block}/field"]').fill(text)


def send(page: Page, label: str, *, is_last: bool = False) -> None:
    """Send the dialog, which closes if nothing is wrong with it."""
    page.locator(".dialog").get_by_role("button", name=label).click()
    if is_last:
        page.locator(".dialog").wait_for(state="detached")


def refusals(page: Page) -> list[str]:
    """Return what is wrong with the dialog."""
    page.locator(".wrong").first.wait_for()
    return page.locator(".wrong").all_inner_texts()


def whisper(page: Page) -> str:
    """Return what the page says to whoever looks alone, the last."""
    page.reload()
    return page.locator("aside .whisper").last.inner_text()


def test_from_the_card_to_the_retraction(evening, open_page, shoot):
    evening.hear(event={"classification": {"BBH": 0.4, "Terrestrial": 0.6}})
    page, watch = open_page()
    stale, _ = open_page(scripts=False)  # nothing makes it look again

    decide_and_plan(evening, page, shoot)
    share_the_tiles(evening, page, shoot)
    end_early(evening, page)
    shoot(page, "slack-thread")
    watch.fits()
    press_after_the_end(evening, stale)
    shoot(stale, "slack-retracted")


def decide_and_plan(evening, page, shoot):
    """A shifter decides, and mends a plan's window that was refused."""
    page.goto(evening.thread(SHIFTER))
    thread = page.locator("aside")
    thread.get_by_text("Alert N°1 - PRELIMINARY").wait_for()
    press(page, "Follow up")
    page.locator(".outcome", has_text="answered 200").wait_for()
    evening.work()
    thread.get_by_text("FOLLOW UP by").first.wait_for()  # the page looks again by itself

    press(page, "Plan options")
    window_end = page.locator('[name="window_end/field"]')
    wanted = window_end.input_value()
    assert page.locator('[name="telescopes/field"] option:checked').all_inner_texts() == ["TCA"]
    fill(page, "max_tiles", "3")
    fill(page, "window_end", "2001-02-03T04:05")
    send(page, "Plan")
    assert refusals(page) == ["the window is over"]
    assert window_end.input_value() == "2001-02-03T04:05"
    assert page.locator('[name="max_tiles/field"]').input_value() == "3"
    shoot(page, "slack-plan-refused")
    fill(page, "window_end", wanted)
    send(page, "Plan", is_last=True)
    evening.work()
    thread.get_by_text("✅ Plan ready: S260102ab").wait_for()
    thread.get_by_text("Dark until 03 Jan 05:30 UTC (06:30 local)").wait_for()


def share_the_tiles(evening, page, shoot):
    """A team takes tiles, and another what is left."""
    page.goto(evening.thread(TEAM))
    press(page, "I take tiles")
    tiles = page.locator('[name="tiles/field"]')
    assert tiles.input_value() == "1-3"
    fill(page, "tiles", "2-9")
    send(page, "Take")
    assert refusals(page) == ["no tile 4-9: the plan has 1-3"]
    assert tiles.input_value() == "2-9"
    shoot(page, "slack-tiles-refused")
    fill(page, "tiles", "2-3")
    send(page, "Take", is_last=True)
    evening.work()
    assert "You have taken tiles 2-3 of TCA." in whisper(page)

    page.goto(evening.thread(SHIFTER))
    press(page, "I take all")
    page.locator(".outcome", has_text="answered 200").wait_for()
    evening.work()
    assert "You have taken tile 1 of TCA. Taken already: 2-3 (subra)." in whisper(page)


def end_early(evening, page):
    """A team has observed a part of its tiles, and then the clouds come."""
    page.goto(evening.thread(TEAM))
    press(page, "Observation done")
    assert page.locator('[name="tiles/field"]').input_value() == "2-3"
    page.locator(".dialog").get_by_text("Taken: 1 (vera), 2-3 (subra)").wait_for()
    fill(page, "tiles", "2")
    send(page, "Send", is_last=True)
    evening.work()
    assert "Thank you: tile 2 of TCA noted as observed." in whisper(page)

    press(page, "Cannot observe")
    fill(page, "reason", "clouds")
    send(page, "Send", is_last=True)
    evening.work()
    assert "thank you. Given back: tiles 1, 3." in whisper(page)


def press_after_the_end(evening, page):
    """Whoever presses what the retraction has taken away sees the messages as they stand."""
    page.goto(evening.thread(SHIFTER))
    evening.hear("RETRACTION", minute=9)
    press(page, "Follow up")

    assert page.locator(".outcome").inner_text() == CHANGED
    thread = page.locator("aside")
    assert thread.get_by_text("🟥 RETRACTED: S260102ab").count() == 1
    assert thread.get_by_text("🟥 RETRACTED 🟥 S260102ab").count() >= 3
    assert thread.get_by_role("button").count() == 0
