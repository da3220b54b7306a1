"""Pages to read, the API's description, and the status."""

from datetime import UTC, datetime

import pytest

from broker import health
from broker.config import config
from broker.health import Report
from broker.health_parts import Finding
from pipeline.alerts import explain

pytestmark = pytest.mark.integration


@pytest.fixture
def all_down(monkeypatch, no_kafka):

    findings = (
        Finding("kafka", "down", "does not answer (TransientError)"),
        Finding("redis", "down", "does not answer (ConnectionError)"),
        Finding("listener_ztf", "down", "stopped: bad; run: python manage.py resume ztf"),
    )
    monkeypatch.setattr(health, "report", lambda: Report(findings, datetime.now(UTC)))


def test_the_guide_holds_both_charts_and_the_limits(browser, no_kafka):
    page = browser.get("/guide").text

    assert page.count('role="img"') == 2
    for survey in explain.SURVEYS:
        assert f"How {survey.upper()} alerts get their class" in page
    assert "50 requests per second" in page
    assert 'id="cite"' in page


@pytest.mark.parametrize(
    ("path", "setting"), [("/terms", "terms_file"), ("/privacy", "privacy_file")]
)
def test_the_operators_text_is_shown_or_missed(browser, tmp_path, monkeypatch, path, setting):
    assert f"operator.{setting}" in browser.get(path).text

    file = tmp_path / "text.txt"
    file.write_text("First <b>paragraph</b>.\n\nSecond.")
    monkeypatch.setenv(f"NIGHTJAR_OPERATOR__{setting.upper()}", str(file))
    config.cache_clear()
    page = browser.get(path).text
    config.cache_clear()

    assert "<p>First &lt;b&gt;paragraph&lt;/b&gt;.</p>" in page
    assert "<p>Second.</p>" in page
    assert f"operator.{setting}" not in page


def test_the_description_names_every_route_and_its_failures(browser):
    found = browser.get("/babamul/openapi.json").json()

    signup = found["paths"]["/babamul/signup"]["post"]["responses"]
    profile = found["paths"]["/babamul/profile"]["get"]
    assert {"200", "400", "413", "429"} <= signup.keys()
    assert "401" in profile["responses"]
    assert "401" not in signup
    assert found["components"]["securitySchemes"]["babamul"]["flows"]["password"]["tokenUrl"] == (
        "/babamul/auth"
    )


def test_swagger_asks_no_other_server(browser):
    page = browser.get("/babamul/docs").text

    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<style" not in page


def test_the_status_answers_while_everything_is_down(browser, all_down):
    page, told = browser.get("/status"), browser.get("/status.json")

    assert (page.status_code, told.status_code) == (200, 200)
    assert "Something is down." in page.text
    assert told.json()["status"] == "down"
    assert told.json()["parts"]["kafka"] == "down"


def test_the_status_tells_no_commands(browser, all_down):
    page = browser.get("/status").text

    assert "stopped: bad" in page
    assert "manage.py" not in page
