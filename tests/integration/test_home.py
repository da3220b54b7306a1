"""The first page, empty and with alerts."""

import pytest
from django.core.cache import cache

from pipeline import topics
from pipeline.alerts import ledger

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()


def test_an_empty_system_says_how_to_see_alerts(session, client):
    page = client.get("/", headers={"host": "localhost"})

    assert page.status_code == 200
    assert "make demo" in page.content.decode()


def test_every_topic_stands_on_the_page_with_its_messages(session, client, monkeypatch):
    night = ledger.NightBooks("ztf", None)
    night.published["babamul.ztf.no-lsst-match.hosted"] = 41
    monkeypatch.setattr(ledger, "read", lambda _: ledger.Ledger([night], []))

    page = client.get("/", headers={"host": "localhost"}).content.decode()

    assert all(output.name in page for output in topics.OUTPUTS)
    assert '<td class="n">41</td>' in page
    assert "Every packet is accounted for" in page


def test_the_page_cannot_be_written_to(client):
    assert client.post("/", headers={"host": "localhost"}).status_code == 405
