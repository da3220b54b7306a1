"""Trials on pages: the form, the wait, the table, the files, and who may see them."""

import re

import pytest

from broker.config import config
from tests.integration.filter_pages.conftest import NIGHT
from tests.integration.filter_pages.test_pages import text_of

pytestmark = pytest.mark.integration
FORM = {"survey": "ztf", "expression": "magpsf < 19"}


def begin(browser, **given):
    response = browser.post("/filters/trials/begin", FORM | given)
    assert response.status_code == 302, response.content[:400]
    return response["Location"]


def test_without_alerts_it_is_said_that_there_are_none(browser):
    assert "no alerts yet" in text_of(browser.get("/filters/trials"))
    page = text_of(browser.post("/filters/trials/begin", FORM), 400)
    assert "there are no ZTF alerts here yet" in page


def test_a_trial_waits_runs_and_shows_what_it_caught(browser, night, work):
    assert NIGHT in text_of(browser.get("/filters/trials"))
    address = begin(browser)
    waiting = browser.get(f"{address}?part=progress")
    assert "waiting" in text_of(waiting)
    assert "HX-Refresh" not in waiting
    assert 'hx-trigger="every 1s"' in text_of(browser.get(address))

    work()

    assert browser.get(f"{address}?part=progress")["HX-Refresh"] == "true"
    page = text_of(browser.get(address))
    assert re.search(r"<dt>caught</dt><dd>2</dd>", page)
    assert re.search(r"<dt>of public alerts</dt><dd>3</dd>", page)
    assert page.count("<circle") >= 2
    assert page.count("/cutouts/") == 2
    lines = browser.get(f"{address}/matches.csv").getvalue().decode().splitlines()
    assert lines[0].startswith("candid,survey,object_id,jd_utc")
    assert [line.split(",")[2] for line in lines[1:]] == ["ZTF26aaaaaaa", "ZTF26aaaaaab"]
    assert browser.get(f"{address}/matches.parquet").getvalue()[:4] == b"PAR1"


def test_two_lines_are_compared(browser, night, work):
    address = begin(browser, other="magpsf > 18")
    work()

    page = text_of(browser.get(address))

    for title, count in (("first", 2), ("second", 2), ("both", 1), ("first only", 1)):
        assert f"<dt>{title}</dt><dd>{count}</dd>" in page
    assert re.findall(r"<td>(first only|second only|both)</td>", page) == [
        "first only",
        "both",
        "second only",
    ]


def test_nothing_caught_is_said_so(browser, night, work):
    address = begin(browser, expression="magpsf < 1")
    work()

    assert "Nothing was caught" in text_of(browser.get(address))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expression": "magpfs < 1"}, "nearest: magpsf"),
        ({"other": "magpfs < 1"}, "nearest: magpsf"),
        ({"night": "yesterday"}, "this is no date"),
    ],
)
def test_a_mistake_is_told_beside_its_field(browser, night, given, said):
    page = text_of(browser.post("/filters/trials/begin", FORM | given), 400)

    assert said in page


def test_who_tries_too_often_is_told_so(browser, night, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_USER_FILTERS__TRIALS_PER_HOUR", "1")
    config.cache_clear()
    begin(browser)

    page = text_of(browser.post("/filters/trials/begin", FORM), 429)

    assert "you have begun 1 trials in an hour" in page


def test_a_trial_is_nobody_elses(browser, stranger, nobody, night):
    address = begin(browser)

    for end in ("", "/matches.csv"):
        assert stranger.get(address + end).status_code == 404
        assert nobody.get(address + end).status_code == 302


def test_of_a_sample_the_counts_are_estimated(session, browser, night, work):
    from sqlalchemy import text

    address = begin(browser)
    work()
    session.execute(text("UPDATE filter_trials SET night_total = 300"))

    page = text_of(browser.get(address))

    assert "<dt>caught, estimated</dt><dd>200</dd>" in page
    assert "chosen at random" in page
