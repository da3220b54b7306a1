"""Pages of users' filters as their owner, another account and nobody see them."""

import re

import pytest

from accounts.filter_models import UserFilter
from pipeline.user_filters import pauses
from tests.integration.filter_pages.conftest import NIGHT

pytestmark = pytest.mark.integration
FORM = {"survey": "ztf", "name": "bright", "expression": "magpsf < 19", "description": "so bright"}


def text_of(response, status=200):
    assert response.status_code == status, response.content[:500]
    return response.content.decode()


def make(browser, **given):
    response = browser.post("/filters/new", FORM | given)
    assert response.status_code == 302, response.content
    return response["Location"]


def test_an_empty_gallery_is_friendly(browser, nobody):
    assert "Nobody has made a public filter yet" in text_of(nobody.get("/filters"))
    mine = text_of(browser.get("/filters"))
    assert "You have none yet" in mine
    assert mine.count("Try it") == 3


def test_every_example_is_understood(browser):
    page = text_of(browser.get("/filters"))
    for address in re.findall(r'href="(/filters/new\?[^"]+)"', page):
        form = text_of(browser.get(address.replace("&amp;", "&")))
        survey = re.search(r'<option value="(\w+)" selected', form)[1]
        line = re.search(r"<textarea id=\"expression\"[^>]*>([^<]*)<", form, re.DOTALL)[1]
        asked = {"survey": survey, "expression": line.replace("&#x27;", "'").replace("&lt;", "<")
                 .replace("&gt;", ">")}  # fmt: skip
        assert "understood" in text_of(browser.post("/filters/check", asked))


def test_a_line_is_checked_while_it_is_written(browser):
    def check(line):
        return text_of(browser.post("/filters/check", {"survey": "ztf", "expression": line}))

    assert "reads <code" in check("magpsf < 19")
    wrong = check("rock and magpfs < 19")
    assert "         ^^^^^^\n" in wrong
    assert "nearest: magpsf" in wrong
    assert check("  ").strip() == ""


def test_columns_can_be_searched(nobody):
    page = text_of(nobody.get("/filters/columns?survey=lsst&q=reliab"))
    assert "<code>reliability</code>" in page
    assert "separation_arcsec(ra, dec, ra0, dec0)" in page
    rows = text_of(nobody.get("/filters/columns?survey=ztf&q=nothing-of-this&part=rows"))
    assert "No column has these words" in rows
    assert "<html" not in rows
    assert nobody.get("/filters/columns?survey=tess").status_code == 404


def test_a_filter_is_made_started_stopped_and_deleted(browser, rung):
    assert make(browser) == "/filters/bright"
    page = text_of(browser.get("/filters/bright"))
    assert "draft" in page
    assert "Start version 1" in page
    assert "The topic is made when the filter is first started" in page

    browser.post("/filters/bright/start", {"version": "1"})
    assert "its topic is being made" in text_of(browser.get("/filters/bright?part=state"))
    UserFilter.objects.update(topic_state="there")
    page = text_of(browser.get("/filters/bright"))
    assert '<span class="badge ok">live</span> version 1' in page
    assert "as_raw=True" in page
    assert "babamul.filter.bright" in page

    browser.post("/filters/bright/stop")
    assert "stopped" in text_of(browser.get("/filters/bright?part=state"))
    browser.post("/filters/bright/delete")
    assert browser.get("/filters/bright").status_code == 404


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"expression": "magpfs < 19"}, "nearest: magpsf"),
        ({"expression": ""}, "is expected, not the end"),
        ({"name": "B"}, "3 to 40 of a-z"),
        ({"name": "new"}, "is the name of a page"),
        ({"description": "x" * 2001}, "at most 2000 characters"),
    ],
)
def test_a_mistake_keeps_what_was_written(browser, given, said):
    page = text_of(browser.post("/filters/new", FORM | given), 400)

    assert said in page
    assert 'value="bright"' in page or "name" in given
    assert "so bright" in page or "description" in given


def test_a_private_filter_is_not_there_for_others(browser, stranger, nobody):
    make(browser)
    missing = stranger.get("/filters/no-such-filter")

    for other in (stranger, nobody):
        assert other.get("/filters/bright").status_code == 404
        assert other.get("/filters/bright?part=state").status_code == 404
        assert "magpsf &lt; 19" not in text_of(other.get("/filters"))
    assert stranger.get("/filters/new?copy=bright").status_code == 404
    words = [re.sub("bright|no-such-filter", "", each.content.decode())
             for each in (stranger.get("/filters/bright"), missing)]  # fmt: skip
    assert words[0] == words[1]
    for word in ("start", "stop", "versions", "describe", "delete"):
        assert stranger.post(f"/filters/bright/{word}", FORM).status_code == 404


def test_a_public_one_can_be_copied_and_not_touched(browser, stranger, nobody):
    make(browser, is_public="on")

    assert "so bright" in text_of(nobody.get("/filters"))
    page = text_of(stranger.get("/filters/bright"))
    assert "vera" in page
    assert "Delete" not in page
    assert "magpsf &lt; 19" in text_of(stranger.get("/filters/new?copy=bright"))
    assert stranger.post("/filters/bright/stop").status_code == 404
    assert nobody.post("/filters/bright/stop").status_code == 302


def test_versions_and_description(browser):
    make(browser)
    wrong = text_of(browser.post("/filters/bright/versions", FORM | {"expression": "mag < 1"}), 400)
    assert "nearest" in wrong
    browser.post("/filters/bright/versions", FORM | {"expression": "magpsf < 18"})
    browser.post("/filters/bright/describe", {"description": "new", "digest": "mail"})

    page = text_of(browser.get("/filters/bright"))

    assert "version 2" in page
    assert "Start version 2" in page
    assert "<option selected>mail</option>" in page
    assert "slack" not in page


def test_a_pause_is_said_with_its_reason(session, browser, make_live):
    one = make_live()
    pauses.pause(session, {one.pk: "version 1 caught more than 5,000 alerts"}, pauses.LIMIT)

    for address in ("/filters", "/filters/bright"):
        page = text_of(browser.get(address))
        assert "paused" in page
        assert "caught more than 5,000 alerts" in page


@pytest.fixture
def make_live(browser):
    def made():
        make(browser)
        browser.post("/filters/bright/start", {})
        UserFilter.objects.update(topic_state="there")
        return UserFilter.objects.get()

    return made


def test_nights_and_what_was_caught_are_shown(session, browser, make_live, night):
    from sqlalchemy import text

    one = make_live()
    session.execute(text(
        "INSERT INTO filter_deliveries (filter_id, version, alert_id, survey, candid, night)"
        " SELECT :id, 1, id, survey, candid, night FROM alerts"), {"id": one.pk})  # fmt: skip
    session.execute(text("INSERT INTO filter_nights (filter_id, night, matched, delivered)"
                         " VALUES (:id, :night, 7, 3)"), {"id": one.pk, "night": NIGHT})  # fmt: skip

    page = text_of(browser.get("/filters/bright"))

    assert f"{NIGHT}: 3</title>" in page
    assert "/objects/ztf/ZTF26aaaaaac?candid=3" in page
    stamp = re.search(r'<img src="([^"]+)"', page)[1]
    assert browser.get(stamp).content.startswith(b"\x89PNG")
    assert "3 alerts in the night of 2026-08-01" in text_of(browser.get("/filters"))


def test_a_filters_topic_leads_to_its_page(nobody, monkeypatch):
    from pipeline.web import figures

    monkeypatch.setattr(figures, "figures", lambda: None)
    assert nobody.get("/topics/babamul.filter.bright")["Location"] == "/filters/bright"
    assert "babamul.filter.NAME" in text_of(nobody.get("/topics"))
