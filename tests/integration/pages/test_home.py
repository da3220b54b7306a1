"""The first page, empty and with alerts."""

import pytest

from broker.kept import Seen
from pipeline import topics
from pipeline.alerts import ledger
from pipeline.web import figures, views

pytestmark = pytest.mark.integration


def test_an_empty_system_says_how_to_see_alerts(browser, no_kafka):
    page = browser.get("/")

    assert page.status_code == 200
    assert "No alert has come in yet" in page.text


@pytest.mark.parametrize(
    ("lag", "are_up", "words"),
    [
        (1234, True, "1\u202f234 packets have come in and are being worked"),
        (0, False, "not every input is up"),
        (0, True, "observe at night"),
    ],
)
def test_before_the_first_alert_it_says_what_is_happening(lag, are_up, words, browser, monkeypatch):
    silent = figures.TopicFigures(0, 0, 0, 0, 0.0, None, None)
    seen = Seen({each.name: silent for each in topics.OUTPUTS}, 0.0, 0.0)
    monkeypatch.setattr(figures, "figures", lambda: seen)
    monkeypatch.setattr(views, "_inputs", lambda: {"lag": lag, "are_up": are_up})

    page = browser.get("/").text

    assert words in page
    assert "Messages per minute" not in page


def test_every_stream_and_topic_stands_on_the_page(browser, figures_of, monkeypatch):
    night = ledger.NightBooks("ztf", None)
    night.published["babamul.ztf.no-lsst-match.hosted"] = 4123
    monkeypatch.setattr(ledger, "read", lambda _: ledger.Ledger([night], []))
    figures_of("babamul.ztf.no-lsst-match.hosted")

    page = browser.get("/").text

    assert all(f'href="/topics/{output.name}"' in page for output in topics.OUTPUTS)
    assert '<td class="num">4\u202f123</td>' in page
    assert '<td class="num wide">123\u202f456</td>' in page
    assert "Every packet is accounted for" in page


def test_what_kafka_tells_during_the_look_is_shown_by_the_next(browser, monkeypatch, figures_of):
    figures_of("babamul.none")
    seen = [None]
    told = figures.figures
    monkeypatch.setattr(figures, "figures", lambda: seen.pop() if seen else told())

    first, second = browser.get("/?part=live").text, browser.get("/?part=live").text

    assert "Kafka has not told yet" in first
    assert "123\u202f456" not in first
    assert "Kafka has not told yet" not in second
    assert "123\u202f456" in second


def test_private_alerts_are_not_counted(browser, no_kafka, monkeypatch):
    night = ledger.NightBooks("ztf", None)
    night.gated |= {"rock": 5321, "non_public": 1234}
    monkeypatch.setattr(ledger, "read", lambda _: ledger.Ledger([night], []))

    page = browser.get("/").text

    assert page.count('<td class="num">5\u202f321</td>') == 2  # received, gated
    assert "1\u202f234" not in page
    assert "6\u202f555" not in page


def test_only_what_changes_is_asked_for_again(browser, no_kafka):
    part = browser.get("/?part=live").text

    assert "<html" not in part
    assert "Going out" in part


def test_a_visitor_is_offered_an_account(browser, no_kafka):
    assert 'href="/signup"' in browser.get("/").text


def test_the_page_cannot_be_written_to(browser):
    assert browser.post("/").status_code == 405
