"""Every page, on a desk in light and on a phone in dark: no complaint, and the marks of a page."""

import pytest

from pipeline import topics
from tests.browser.conftest import DESK, PHONE
from tests.e2e.site import link_in

SIZES = {"desk": DESK, "phone": PHONE}
BOTH = [("desk", "light"), ("phone", "dark")]
"""Of the sizes and of the themes; neither changes what the other does."""
PUBLIC = {
    "home": "/",
    "signup": "/signup",
    "activate": "/activate",
    "login": "/login",
    "reset": "/reset",
    "new-password": "/reset?email=a%40example.org&token=x",
    "start": "/start",
    "topics": "/topics",
    "topic": f"/topics/{topics.OUTPUTS[0].name}",
    "none": f"/topics/{topics.NONE_TOPIC}",
    "test-topic": f"/topics/{topics.TEST_TOPICS['ztf']}",
    "schema-ztf": "/schemas/ztf",
    "schema-lsst": "/schemas/lsst",
    "sample": f"/schemas/{topics.TEST_TOPICS['ztf']}/sample",
    "search": "/search",
    "guide": "/guide",
    "status": "/status",
    "terms": "/terms",
    "privacy": "/privacy",
    "docs": "/babamul/docs",
}
INSIDE = {
    "profile": "/profile",
    "check": "/check",
    "start-inside": "/start",
    "delete": "/profile/delete",
}
MARKS_JS = """() => {
  const all = (query) => [...document.querySelectorAll(query)];
  const ids = all("[id]").map((element) => element.id);
  const named = (field) => field.labels?.length || field.ariaLabel
    || field.getAttribute("aria-labelledby") || field.type === "hidden";
  return {
    lang: document.documentElement.lang,
    title: document.title !== "",
    headings: all("h1").length,
    mains: all("main").length,
    twice: ids.filter((id, at) => ids.indexOf(id) !== at),
    nameless: all("input, select, textarea").filter((field) => !named(field)).map((f) => f.outerHTML),
    empty: all("a, button").filter((e) => !e.textContent.trim() && !e.ariaLabel && !e.hidden
      && !e.querySelector("img[alt], svg[aria-label]")).map((e) => e.outerHTML),
    pictures: all("img:not([alt])").length,
  };
}"""
GOOD = {
    "lang": "en", "title": True, "headings": 1, "mains": 1, "twice": [], "nameless": [],
    "empty": [], "pictures": 0,
}  # fmt: skip


@pytest.fixture
def signed_in(site, open_page):
    """Return a function that opens a window of a new account."""

    def sign_in(name, size, theme):
        page, watch = open_page(size, theme)
        address = f"tour.{name}@example.org"
        page.goto(f"{site.url}/signup")
        page.get_by_label("E-mail").fill(address)
        page.get_by_role("button", name="Send me the mail").click()
        page.goto(link_in(site.mail_to(address)))
        page.get_by_role("button", name="Activate").click()
        page.get_by_role("heading", name="Welcome").wait_for()
        return page, watch

    return sign_in


def look(page, watch, site, path):
    """Open a page; complain about what it lacks."""
    page.goto(f"{site.url}{path}", wait_until="networkidle")
    watch.fits()
    return page.evaluate(MARKS_JS)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "theme"), BOTH)
def test_every_public_page_is_whole(size, theme, site, open_page, shoot):
    page, watch = open_page(SIZES[size], theme)
    marks = {}
    for name, path in PUBLIC.items():
        marks[name] = look(page, watch, site, path)
        shoot(page, f"tour-{name}-{size}-{theme}")

    del marks["docs"]  # Swagger UI has marks of its own
    assert {name: found for name, found in marks.items() if found != GOOD} == {}


@pytest.mark.slow
@pytest.mark.parametrize(("size", "theme"), BOTH)
def test_every_page_of_an_account_is_whole(size, theme, site, signed_in, shoot):
    page, watch = signed_in(size, SIZES[size], theme)
    marks = {}
    for name, path in INSIDE.items():
        marks[name] = look(page, watch, site, path)
        shoot(page, f"tour-{name}-{size}-{theme}")

    assert {name: found for name, found in marks.items() if found != GOOD} == {}


def test_what_is_not_there_is_a_page_too(site, open_page):
    page, watch = open_page()
    marks = look(page, watch, site, "/nowhere")
    watch.expect("404")

    assert marks == GOOD


def test_the_first_key_skips_to_the_content(site, open_page):
    page, _ = open_page()
    page.goto(f"{site.url}/signup")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "email"


def test_staff_come_in_by_their_own_door(site, open_page):
    page, _ = open_page()
    page.goto(f"{site.url}/admin/", wait_until="networkidle")

    assert "/admin/login/" in page.url
