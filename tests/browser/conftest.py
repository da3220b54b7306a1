"""A headless Chromium against the whole site; what it complains about fails the test."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from broker.config import ROOT
from compose.native.home import NativeError
from compose.native.packages import install, may_install
from tests.browser.watch import Watch
from tests.e2e import site as sites
from tests.e2e.system import System

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
PHONE, DESK = (360, 740), (1280, 860)
SHOTS = ROOT / ".nightjar" / "screenshots"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add whether pictures are kept: ``pytest tests/browser --pictures``."""
    parser.addoption("--pictures", action="store_true", help="keep pictures of the pages")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the system's browser, installed with apt when root."""
    found = next((path for path in CHROMIUM if Path(path).exists()), shutil.which("chromium"))
    if found is None and may_install():
        install("chromium")
        found = shutil.which("chromium")
    if found is None:
        try:
            install("chromium")
        except NativeError as error:
            pytest.fail(f"no browser: {error}")
    return str(found)


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a running browser; it has an event loop, beside which Django asks no database."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield running
        running.close()


@pytest.fixture(scope="package")
def site(
    make_system: Callable[[str], AbstractContextManager[System]],
) -> Iterator[sites.Site]:
    """Return a whole site."""
    with make_system("site") as system, sites.running(system) as running:
        yield running


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., tuple[Page, Watch]]]:
    """Return a function that opens a window; at the end nothing may have been complained about."""
    opened = []

    def open_(
        size: tuple[int, int] = DESK, theme: str = "light", *, scripts: bool = True
    ) -> tuple[Page, Watch]:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=theme,
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"] if scripts else [],
        )
        context.set_default_timeout(20_000)
        page = context.new_page()
        watch = Watch(page)
        opened.append((context, watch))
        return page, watch

    yield open_
    for context, _ in opened:
        context.close()
    assert [line for _, watch in opened for line in watch.complaints] == []


@pytest.fixture
def shoot(pytestconfig: pytest.Config) -> Callable[[Page, str], None]:
    """Return a function that keeps a picture of a whole page, to be looked at, where asked for."""
    is_wanted = pytestconfig.getoption("--pictures", default=False)

    def keep(page: Page, name: str) -> None:
        if is_wanted:
            page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    return keep
