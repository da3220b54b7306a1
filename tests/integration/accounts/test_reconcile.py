"""A comparison whose repairs fail: the others are made, and the report is written all the same."""

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from confluent_kafka import KafkaError, KafkaException

from accounts import reconcile
from accounts.models import DriftReport
from accounts.reconcile import Difference

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def compared(monkeypatch):
    """Return a function that compares; what differs is given, Kafka stays unasked."""

    def compare(**mends):
        found = [
            Difference(name, "active", "no rights", "mended", mend=mend)
            for name, mend in mends.items()
        ]
        monkeypatch.setattr(reconcile, "_differences", lambda: found)
        monkeypatch.setattr(reconcile, "_delete_groups_of_nobody", lambda: None)
        report = reconcile.reconcile()
        assert DriftReport.objects.order_by("-at").first() == report
        return report, [(line["principal"], line["repair"]) for line in report.lines]

    return compare


def raiser(error):
    def fail():
        raise error

    return fail


REFUSED = KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, "not you"))


@pytest.mark.parametrize("error", [REFUSED, ValueError("a principal of our own"), KeyError("x")])
def test_one_that_cannot_be_mended_keeps_no_other_from_it(error, compared):
    report, lines = compared(first=raiser(error), second=lambda: None)

    assert lines == [("first", f"failed: {error}"), ("second", "mended")]
    assert report.error == ""


def test_those_that_failed_come_last_the_next_time(compared):
    compared(first=raiser(REFUSED), second=lambda: None)

    _, lines = compared(first=lambda: None, third=lambda: None)

    assert lines == [("third", "mended"), ("first", "mended")]


def test_no_more_is_mended_than_there_is_time_for(compared, monkeypatch):
    monkeypatch.setattr(reconcile, "MENDING_S", 0.0)

    report, lines = compared(first=pytest.fail)

    assert (lines, report.error) == ([], "0 differences took 0.0 s: the others come next")


def test_a_task_that_runs_out_of_time_tells_what_it_mended(compared):
    report, lines = compared(first=lambda: None, second=raiser(SoftTimeLimitExceeded()))

    assert lines == [("first", "mended")]
    assert "SoftTimeLimitExceeded" in report.error


def test_a_comparison_that_cannot_be_made_is_reported(compared, monkeypatch):
    compared()
    monkeypatch.setattr(reconcile, "_differences", raiser(REFUSED))

    report = reconcile.reconcile()

    assert report.lines == []
    assert "not you" in report.error
