"""Pages of topics: the tree, one topic, its rule in force."""

from collections import Counter
from datetime import date

import pytest

from broker.config import config
from pipeline import topics
from pipeline.web import nights

pytestmark = pytest.mark.integration
HOSTED = "babamul.ztf.no-lsst-match.hosted"
EVERY = [each.name for each in (*topics.OUTPUTS, *topics.STEADY)]


def test_the_tree_names_every_topic_without_kafka(browser, no_kafka):
    page = browser.get("/topics").text

    assert all(f'href="/topics/{name}"' in page for name in EVERY)


@pytest.mark.parametrize("name", EVERY)
def test_every_topic_has_a_page(browser, no_kafka, name):
    page = browser.get(f"/topics/{name}")

    assert page.status_code == 200
    assert f"/schemas/{name}/sample" in page.text
    assert name in page.text


def test_a_topic_that_is_none_is_not_found(browser):
    page = browser.get("/topics/babamul.ztf.hosted")

    assert page.status_code == 404
    assert "There is nothing here" in page.text


def test_the_rule_follows_the_settings(browser, no_kafka, monkeypatch):
    before = browser.get(f"/topics/{HOSTED}").text
    monkeypatch.setenv("NIGHTJAR_ROUTE__PRESET", "boom")
    monkeypatch.setenv("NIGHTJAR_GATE__ZTF__MIN_DRB", "0.65")
    config.cache_clear()

    page = browser.get(f"/topics/{HOSTED}").text

    assert ("0 &lt;= score &lt; 0.5" in before, "0 &lt;= score &lt;= 0.5" in before) == (
        True,
        False,
    )
    assert "0 &lt;= score &lt;= 0.5" in page
    assert "near_brightstar" in page
    assert "below 0.65" in page
    config.cache_clear()


def test_figures_of_a_topic_are_shown(browser, figures_of):
    figures_of(HOSTED)

    page = browser.get(f"/topics/{HOSTED}?part=figures").text

    assert "<html" not in page
    assert "123\u202f456" in page
    assert "9 MB" in page  # 900 a day of 10 kB


def test_what_was_left_out_last_night_is_counted(browser, no_kafka, monkeypatch):

    night = nights.Night(date(2026, 11, 20), Counter(rock=345, non_public=777), 9_876)
    monkeypatch.setattr(nights, "last", lambda _: night)

    page = browser.get(f"/topics/{HOSTED}").text

    assert "night of 2026-11-20: 9\u202f876 passed" in page
    assert '<td class="num">345</td>' in page
    assert "777" not in page


def test_the_footprint_says_what_it_is(browser, no_kafka):
    page = browser.get("/topics/babamul.lsst.no-ztf-match.unknown").text

    assert "approximate here: galactic latitude beyond 18°" in page
