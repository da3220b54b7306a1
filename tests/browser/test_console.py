"""The telescope console as an operator meets it at night, on a desk and on a telephone."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from broker.db import transaction
from pipeline.telescope.tables import TelescopeCommand
from tests.browser.conftest import PHONE
from tests.browser.console import fill, running, send, shown
from tests.browser.test_tour import GOOD, MARKS_JS
from tests.integration.telescope.conftest import said, word

pytestmark = pytest.mark.slow

LISTS = 8
"""Of the admin, that belong to the bus."""
PHONES = ((PHONE, "light"), (PHONE, "dark"))


@pytest.fixture(scope="module")
def console(make_system):
    """A console whose sender works; what telescopes say, the tests write."""
    with make_system("console") as system, running(system, word()) as found:
        yield found


@pytest.fixture
def desk(console, open_page):
    """A window with somebody signed in, and what it complains about."""
    page, watch = open_page()
    console.sign_in(page)
    return page, watch


@pytest.fixture
def look(console, open_page, shoot):
    """Return a function that looks at pages on a telephone too, and keeps pictures of them."""

    def at(page, watch, **paths):
        windows = [(page, watch, "")]
        for size, theme in PHONES:
            other, other_watch = open_page(size, theme)
            console.sign_in(other)
            windows.append((other, other_watch, f"-{theme}"))
        for window, its_watch, end in windows:
            for name, path in paths.items():
                window.goto(path if path.startswith("http") else f"{console.url}{path}")
                shoot(window, f"console-{name.replace('_', '-')}{end}")
                its_watch.fits()
                assert window.evaluate(MARKS_JS) == GOOD, path

    return at


def row(command_id):
    with transaction() as session:
        return session.get(TelescopeCommand, command_id)


def test_a_command_goes_from_the_form_to_its_end_before_the_operators_eyes(
    console, desk, look, shoot
):
    page, watch = desk
    page.goto(console.address("beam"))
    fill(page, ra="361", output_filename="../m31.fits")
    page.get_by_role("button", name="Send", exact=True).click()
    page.locator(".errorlist").first.wait_for()
    watch.expect("400")
    beside = page.locator(".field", has=page.locator("[name=ra]"))
    assert "360" in beside.locator(".errorlist").inner_text()
    assert page.locator(".errorlist").count() == 2
    assert page.input_value("[name=target_name]") == "M31"
    shoot(page, "console-refused")

    fill(page)
    command_id = send(page)
    timeline = page.locator("table.timeline")
    for text, message in (
        ("sent", None),
        ("received", said(command_id, "received")),
        ("slewing", said(command_id, "started", message="slewing", progress_percent=25.0)),
        ("on target", said(command_id, "started", message="on target", progress_percent=50.0)),
    ):
        if message:
            console.say("beam", message)
        timeline.get_by_text(text, exact=True).first.wait_for()
    assert page.locator("progress").get_attribute("value") == "50"
    shoot(page, "console-started")
    assert page.get_by_role("button", name="Cancel it").count() == 1
    console.say("beam", said(command_id, "completed", message="600 spectra"))
    timeline.get_by_text("completed", exact=True).wait_for()
    page.get_by_role("button", name="Cancel it").wait_for(state="detached")
    assert page.locator("progress").count() == 0

    observation = row(command_id).observation_id
    console.observe(observation, [0, 1, 2, 5])
    look(
        page, watch, board="/telescopes", telescope=console.address("beam"),
        command=f"/telescopes/commands/{command_id}",
        observation=f"/telescopes/observations/{observation}",
    )  # fmt: skip
    page.goto(f"{console.url}/telescopes/observations/{observation}")
    with page.expect_download() as download:
        page.get_by_role("link", name=f"{observation}-000005").click()
    assert download.value.path().read_bytes() == b"spectrum" * 100


def test_a_silent_telescope_is_commanded_only_after_a_question_and_its_command_is_cancelled(
    console, desk, look, shoot
):
    page, watch = desk
    page.goto(console.address("old"))
    fill(page)
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Send all the same?").wait_for()
    watch.expect("409")
    assert page.get_by_text("has not been heard of since").count() >= 2
    shoot(page, "console-confirm")
    with transaction() as session:
        name = console.names["old"]
        statement = select(TelescopeCommand.command_id).where(TelescopeCommand.telescope == name)
        assert session.scalars(statement).all() == []

    command_id = send(page, "Send all the same")
    page.locator("table.timeline").get_by_text("sent", exact=True).wait_for()
    assert page.get_by_text("confirmed").count() == 1

    page.fill("#why", "clouds")
    page.get_by_role("button", name="Cancel it").click()
    page.get_by_text("It cancels").wait_for()
    cancel_id = shown(page)
    assert row(cancel_id).cancels == command_id
    page.get_by_role("link", name=command_id).click()
    page.get_by_text("A cancel was made").wait_for()
    console.say("old", said(cancel_id, "completed"))
    page.locator("table.timeline").get_by_text("its cancel was obeyed").wait_for()
    look(page, watch, cancelled=f"/telescopes/commands/{command_id}",
         cancel=f"/telescopes/commands/{cancel_id}", old=console.address("old"))  # fmt: skip


def test_everything_stops_and_goes_on(console, desk, look, shoot):
    page, watch = desk
    page.goto(console.address("beam"))
    fill(page, target_name="M33")
    command_id = send(page)
    page.locator("table.timeline").get_by_text("sent", exact=True).wait_for()
    look(page, watch, stop="/telescopes/commands/stop", stop_one=(
        f"/telescopes/commands/stop?telescope={console.names['beam']}"))  # fmt: skip

    page.goto(console.address())
    page.get_by_role("link", name="Stop everything now").click()
    page.fill("#why", "storm")
    page.get_by_role("button", name="Stop all telescopes").click()
    page.get_by_role("link", name=command_id).first.wait_for()
    shoot(page, "console-stopped")
    watch.fits()
    look(page, watch, board_stopped="/telescopes", telescope_stopped=console.address("tca"))
    for which in ("tca", "old", "beam"):
        page.goto(console.address(which))
        page.fill("#resume-why", "calm again")
        page.get_by_role("button", name="Accept commands again").click()
        page.get_by_text("accepts commands again.").wait_for()
    assert page.locator("[name=target_name]").count() == 1


def test_what_there_is_nothing_of_says_how_to_begin(console, desk, look):
    page, watch = desk
    page.get_by_text("Nothing was ever heard of it").wait_for()
    page.goto(f"{console.address()}?state=unknown")
    page.get_by_text("No command is like that").wait_for()
    look(page, watch, never_heard=console.address("tca"), filtered="/telescopes?state=unknown")


def test_the_admin_has_everything_of_the_bus(console, desk, shoot):
    page, watch = desk
    console.observe("admin-1", [0])
    at = datetime.now(UTC) - timedelta(minutes=1)
    console.say("beam", said("cmd-of-nobody", "failed", error_code="E1"), at=at)
    page.goto(f"{console.url}/admin/")
    links = page.locator("#content-main th a[href*='/admin/pipeline/telescope']")
    paths = sorted({link.get_attribute("href") for link in links.all()})
    assert len(paths) == LISTS, paths
    for path in paths:
        page.goto(f"{console.url}{path}")
        page.locator("#content h1").wait_for()
        shoot(page, f"console-admin-{path.strip('/').rpartition('/')[2]}")
    assert watch.complaints == []
