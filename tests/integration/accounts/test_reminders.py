"""Mails before a personal token expires: twice, never on its first day, and not to who wants none."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from accounts import reminders, tokens
from accounts.models import AccessToken, BabamulUser, OutboxMail
from tests.integration.accounts.conftest import EMAIL, send_mails

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
DAY = timedelta(days=1)


@pytest.fixture
def user(db):
    return BabamulUser.objects.create(email=EMAIL, username="vera", state="active")


def token(user, name, life, left):
    """Make a token of so many days, of which so many are left."""
    row, _ = tokens.new_personal(user, name, life)
    AccessToken.objects.filter(pk=row.pk).update(
        created_at=Now() - (life - left) * DAY, expires_at=Now() + left * DAY
    )
    return row


def pass_days(count):
    """Let so many days go by for every token."""
    for row in AccessToken.objects.all():
        AccessToken.objects.filter(pk=row.pk).update(
            created_at=row.created_at - count * DAY, expires_at=row.expires_at - count * DAY
        )


@pytest.fixture
def browser():
    return Client(headers={"host": "localhost"}, enforce_csrf_checks=True)


def path_of(user):
    return "/reminders?" + reminders.link(user).partition("?")[2]


def test_a_token_is_told_of_14_and_3_days_before_and_not_again(user):
    token(user, "laptop", 365, 20)
    told = []
    for _ in range(22):
        told.append(reminders.remind() + reminders.remind())
        pass_days(1)

    assert [20 - day for day, count in enumerate(told) if count] == [14, 3]
    assert set(told) == {0, 1}


@pytest.mark.parametrize(
    ("life", "left", "count"),
    [(14, 14, 0), (14, 13, 0), (15, 14, 1), (3, 3, 0), (2, 1, 0), (4, 3, 1), (365, 15, 0)],
)
def test_no_token_is_told_of_on_its_first_day(user, life, left, count):
    token(user, "short", life, left - 0.01)

    assert reminders.remind() == count


def test_a_token_that_expired_is_not_told_of(user):
    token(user, "old", 365, -0.01)

    assert reminders.remind() == 0


@pytest.mark.parametrize("state", ["inactive", "suspended", "deleting"])
def test_only_an_active_account_is_told(user, state):
    token(user, "laptop", 365, 10)
    BabamulUser.objects.update(state=state)

    assert reminders.remind() == 0


def test_the_days_are_a_setting(user, configured):
    token(user, "laptop", 365, 28)
    configured(accounts__token_reminder_days="30")
    assert reminders.remind() == 1

    configured(accounts__token_reminder_days="")
    token(user, "desk", 365, 1)
    assert reminders.remind() == 0


def test_one_mail_names_every_token_of_an_account_and_no_secret(user, mails):
    token(user, "laptop", 365, 10)
    token(user, "desk", 365, 12)
    token(user, "fresh", 365, 300)
    other = BabamulUser.objects.create(email="edwin@example.org", username="e", state="active")
    token(other, "his", 365, 10)

    assert reminders.remind() == 2
    send_mails()

    [message] = mails.to(EMAIL)
    text = message.get_body(("plain",)).get_content()
    assert "laptop" in text
    assert "desk" in text
    assert "fresh" not in text
    assert "his" not in text
    assert reminders.link(user) in text
    assert "No such mails any more" in message.get_body(("html",)).get_content()


def test_a_mail_program_turns_them_off_with_one_press(user, mails, browser):
    token(user, "laptop", 365, 10)
    reminders.remind()
    send_mails()
    [message] = mails.to(EMAIL)
    link = message["List-Unsubscribe"].strip("<>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    path = "/reminders?" + link.partition("?")[2]
    answer = browser.post(path, {"List-Unsubscribe": "One-Click"})
    pass_days(8)

    assert answer.status_code == 200
    assert not BabamulUser.objects.get(pk=user.pk).wants_reminders
    assert reminders.remind() == 0


def test_opening_the_link_changes_nothing_and_the_page_turns_them_on_again(user, browser):
    assert "Send me no reminders" in browser.get(path_of(user)).content.decode()
    assert BabamulUser.objects.get().wants_reminders
    browser.post(path_of(user), {"reminders": "off"})
    assert not BabamulUser.objects.get().wants_reminders

    answer = browser.post(path_of(user), {"reminders": "on"})

    assert BabamulUser.objects.get().wants_reminders
    assert EMAIL not in answer.content.decode()


@pytest.mark.parametrize("key", ["", "nonsense", "00000000-0000-0000-0000-000000000001", "a:b"])
def test_a_link_that_is_not_ours_is_404(user, browser, key):
    assert browser.post("/reminders", query_params={"key": key}).status_code == 404
    assert BabamulUser.objects.get().wants_reminders


def test_a_link_of_an_account_that_is_gone_is_404(user, browser):
    path = path_of(user)
    BabamulUser.objects.update(state="deleted")

    assert browser.get(path).status_code == 404


def test_other_mails_say_nothing_of_reminders(user, mails):
    from accounts import mail

    mail.post(EMAIL, "known", {"public_url": "http://localhost"})
    send_mails()

    assert mails.mails[0]["List-Unsubscribe"] is None
    assert OutboxMail.objects.get().state == "sent"
