"""What every topic holds, for programs: from the same look as the pages, whether Kafka is there or not."""

import pytest

from broker.config import config
from broker.errors import TransientError
from pipeline.topics import OUTPUTS
from pipeline.web import figures

pytestmark = pytest.mark.integration
PATH = "/babamul/stats/kafka"


def test_amounts_are_those_that_pages_show(browser, figures_of):
    figures_of(*(output.name for output in OUTPUTS))

    rows = browser.get(PATH).json()["data"]

    assert {row["name"] for row in rows} == {each.name for each in OUTPUTS if each.is_public}
    assert {(row["n_alerts"], row["retention_days"]) for row in rows} == {
        (123_456, config().babamul.retention_days)
    }


def test_while_kafka_is_away_one_looks_and_nobody_else_waits(browser, monkeypatch):
    looks = []

    def fail():
        looks.append(1)
        raise TransientError("away")

    monkeypatch.setattr(figures, "_look", fail)

    answers = [browser.get(PATH) for _ in range(5)]

    assert {(each.status_code, each["Retry-After"]) for each in answers} == {(503, "30")}
    assert len(looks) == 1
