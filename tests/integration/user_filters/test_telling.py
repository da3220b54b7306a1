"""Owners are told of pauses and of nights: once each, by mail and in Slack."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts import filters, mail
from accounts.models import BabamulUser, OutboxMail
from broker.config import config
from pipeline.simulate.slack.faults import Fault
from pipeline.user_filters import cleaning, digest, pause_mail, pauses, trial
from tests import factories
from tests.integration.slack.conftest import later, set_up, standin
from tests.slack import OPERATORS, texts

__all__ = ["later", "set_up", "standin"]
pytestmark = pytest.mark.integration
NIGHT = date(2024, 11, 20)
BEFORE_NOON = datetime(2024, 11, 21, 18, 59, tzinfo=UTC)
AFTER_NOON = datetime(2024, 11, 21, 19, 1, tzinfo=UTC)
"""Noon at UTC-7 is 19 h UTC: there the night of the 20th is over."""


@pytest.fixture
def owner(session):
    return BabamulUser.objects.create(email="vera@example.org", username="vera", state="active")


@pytest.fixture
def make_own(owner, sql):
    def make(name="bright", digest_by="mail"):
        made = filters.create(owner, name, "ztf", "magpsf < 19", "", is_public=False)
        filters.start(owner, name, 1)
        sql("UPDATE user_filters SET topic_state = 'there', digest = %s WHERE id = %s",
            digest_by, made.id)  # fmt: skip
        return made.id

    return make


@pytest.fixture
def catch(session, sql, make_alert):
    """Return a function that lets a filter have caught alerts of the night."""
    thing = factories.make_object(session)

    def caught(filter_id, count, matched=None, first=10):
        for offset in range(first, first + count):
            alert = make_alert(offset, object_id=thing.id, magpsf_abmag=15 + offset / 100)
            sql("INSERT INTO filter_deliveries (filter_id, version, alert_id, survey, candid, night,"
                " pending) VALUES (%s, 1, %s, 'ztf', %s, %s, false)",
                filter_id, alert.id, alert.candid, NIGHT)  # fmt: skip
        sql("INSERT INTO filter_nights (filter_id, night, matched, delivered)"
            " VALUES (%s, %s, %s, %s)", filter_id, NIGHT, matched or count, count)  # fmt: skip

    return caught


def mails():
    return list(OutboxMail.objects.order_by("pk").values_list("to", "subject"))


def test_a_pause_is_told_its_owner_once_and_each_pause_again(session, sql, make_own):
    filter_id = make_own()
    pauses.pause(session, {filter_id: "version 1 caught more than 5,000 alerts"}, pauses.LIMIT)
    pause_mail.tell()
    sql("UPDATE filter_states SET told_at = NULL")  # killed before it was marked
    pause_mail.tell()
    pause_mail.tell()

    assert mails() == [("vera@example.org", "Your filter bright is paused")]
    body = mail._message(OutboxMail.objects.get()).body
    assert "version 1 caught more than 5,000 alerts." in body
    assert f"{config().web.public_url}/filters/bright" in body
    assert "You own this filter." in body

    sql("UPDATE user_filters SET started_at = clock_timestamp()")
    pause_mail.tell()
    pauses.pause(session, {filter_id: "it fails"}, pauses.ERROR)
    pause_mail.tell()
    assert len(mails()) == 2


def test_a_night_is_told_when_it_is_over_and_once(sql, make_own, catch):
    filter_id = make_own()
    catch(filter_id, 25, matched=30)
    digest.tell(BEFORE_NOON)
    assert mails() == []

    digest.tell(AFTER_NOON)
    sql("UPDATE filter_nights SET digest_at = NULL")  # killed before it was marked
    digest.tell(AFTER_NOON)
    digest.tell(AFTER_NOON)

    assert mails() == [("vera@example.org", "bright: 25 alerts in the night of 2024-11-20")]
    body = mail._message(OutboxMail.objects.get()).body
    assert "The brightest 20" in body
    assert body.count("ZTF24aaaaaaa  r 15.") == 20
    assert "5 more matched and were not sent" in body


def test_slack_is_told_too_and_later_when_it_was_away(standin, set_up, later, make_own, catch):
    set_up(NIGHTJAR_USER_FILTERS__SLACK_CHANNEL=OPERATORS)
    catch(make_own(digest_by="both"), 2)
    standin.faults.add("chat.postMessage", Fault("broken"))
    digest.tell(AFTER_NOON)
    assert (len(mails()), texts(standin, OPERATORS)) == (1, [])

    later()
    digest.tell(AFTER_NOON)
    digest.tell(AFTER_NOON)

    assert len(mails()) == 1
    assert texts(standin, OPERATORS) == ["bright: 2 alerts in the night of 2024-11-20"]


def test_an_owner_is_told_of_so_many_nights_a_day(make_own, catch, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_USER_FILTERS__DIGESTS_PER_DAY", "2")
    config.cache_clear()
    for number in range(3):
        catch(make_own(f"filter-{number}"), 1, first=10 * number)

    digest.tell(AFTER_NOON)
    digest.tell(AFTER_NOON)

    assert len(mails()) == 2


@pytest.mark.parametrize("digest_by", ["none", "slack"])
def test_who_wants_no_mail_gets_none(make_own, catch, digest_by):
    catch(make_own(digest_by=digest_by), 1)

    digest.tell(AFTER_NOON)

    assert mails() == []


def test_old_news_and_empty_nights_are_not_told(sql, make_own, catch):
    filter_id = make_own()
    catch(filter_id, 1)
    sql("UPDATE filter_nights SET delivered = 0")
    digest.tell(AFTER_NOON)
    sql("UPDATE filter_nights SET delivered = 1")
    digest.tell(AFTER_NOON + timedelta(days=5))

    assert mails() == []


def test_what_is_old_or_nobodys_is_deleted(session, sql, owner, make_own, catch):
    kept, gone = make_own("kept"), make_own("gone")
    catch(kept, 1)
    catch(gone, 2, first=20)
    pauses.pause(session, {kept: "why", gone: "why"}, pauses.STAFF)
    for account in (str(owner.pk), "nobody"):
        trial.begin(session, account, "ztf", NIGHT, "rock")
    filters.delete(owner, "gone")
    sql("UPDATE filter_deliveries SET night = current_date WHERE filter_id = %s", kept)

    assert cleaning.clean() == {"trials": 1, "deliveries": 2, "nights": 1, "states": 1}
    assert cleaning.clean() == {"trials": 0, "deliveries": 0, "nights": 0, "states": 0}

    sql("UPDATE filter_deliveries SET night = current_date - 31")
    sql("UPDATE filter_trials SET created_at = now() - interval '15 days'")
    assert cleaning.clean() == {"trials": 1, "deliveries": 1, "nights": 0, "states": 0}
