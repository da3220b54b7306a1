"""What staff do to accounts: asked for a reason first, written down, refused where absurd."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db.models.functions import Now
from django.test import Client

from accounts import credentials, sessions, settlement, tokens
from accounts.models import AccessToken, AuditEntry, BabamulUser, KafkaCredential, OutboxMail
from accounts.web.sessions import COOKIE

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

PEOPLE = "/admin/accounts/babamuluser"
CREDENTIALS = "/admin/accounts/kafkacredential"


@pytest.fixture(autouse=True)
def rings(monkeypatch, django_capture_on_commit_callbacks):
    """Hear what is rung for; nothing works on it here."""
    heard = []
    monkeypatch.setattr(credentials, "enqueue", lambda *ring: heard.append(ring))
    return heard


@pytest.fixture
def owl():
    return BabamulUser.objects.create(
        email="owl@example.org", username="owl", password="!", state="active", activated_at=Now()
    )


@pytest.fixture
def laptop(owl):
    row = credentials.want(owl, "named", "laptop", "x" * 32)
    KafkaCredential.objects.update(state="active", secret_encrypted=None, confirmed_at=Now())
    row.refresh_from_db()
    return row


def do(browser, page, row, word, why="he asked for it"):
    return browser.post(f"{page}/{row.pk}/do/{word}/", {"why": why}, follow=True)


def state(row):
    return type(row).objects.get(pk=row.pk).state


def last_entry():
    entry = AuditEntry.objects.latest("pk")
    return entry.actor, entry.action, entry.target, entry.why


def test_an_act_says_what_it_means_before_it_does(staff, owl):
    page = staff.get(f"{PEOPLE}/{owl.pk}/do/suspend/").content.decode()

    assert "tokens are refused at once" in page
    assert state(owl) == "active"


def test_an_act_without_a_reason_does_nothing(staff, owl):
    answer = do(staff, PEOPLE, owl, "suspend", why="  ")

    assert "This field is required" in answer.content.decode()
    assert state(owl) == "active"
    assert not AuditEntry.objects.exists()


def test_suspend_ends_everything_at_once_and_tells_kafka(staff, owl, laptop):
    cookie = sessions.open_session(owl, "Firefox")
    _, token = tokens.new_personal(owl, "laptop")

    answer = do(staff, PEOPLE, owl, "suspend")

    assert (state(owl), state(laptop)) == ("suspended", "suspending")
    assert sessions.find_session(cookie) is None
    with pytest.raises(tokens.BadTokenError):
        tokens.owner_of(token)
    assert last_entry() == ("staff:staff", "suspend", f"account:{owl.pk}", "he asked for it")
    assert 'http-equiv="refresh"' in answer.content.decode(), "the page looks again by itself"


def test_restore_gives_tokens_and_credentials_back(staff, owl, laptop):
    _, token = tokens.new_personal(owl, "laptop")
    do(staff, PEOPLE, owl, "suspend")

    do(staff, PEOPLE, owl, "restore")

    assert (state(owl), state(laptop)) == ("active", "wanted")
    assert tokens.owner_of(token) == owl


def test_restore_revives_no_session_and_no_login(staff, owl):
    cookie, login = sessions.open_session(owl, "Firefox"), tokens.login_token(owl)
    assert tokens.owner_of(login) == owl
    do(staff, PEOPLE, owl, "suspend")

    do(staff, PEOPLE, owl, "restore")

    assert state(owl) == "active"
    assert sessions.find_session(cookie) is None
    with pytest.raises(tokens.BadTokenError, match="older generation"):
        tokens.owner_of(login)


def test_delete_begins_with_kafka(staff, owl, laptop):
    do(staff, PEOPLE, owl, "delete")

    assert (state(owl), state(laptop)) == ("deleting", "revoking")
    assert last_entry()[1:] == ("delete", f"account:{owl.pk}", "he asked for it")


def test_an_activation_is_sent_again_to_who_was_never_activated(staff, owl):
    BabamulUser.objects.update(state="inactive")

    do(staff, PEOPLE, owl, "resend")

    assert [mail.to for mail in OutboxMail.objects.all()] == ["owl@example.org"]
    assert owl.codes.count() == 1


@pytest.mark.parametrize("word", ["restore", "resend"])
def test_an_act_that_does_not_fit_the_state_is_refused(staff, owl, word):
    answer = do(staff, PEOPLE, owl, word)

    assert "this account is active" in answer.content.decode()
    assert not AuditEntry.objects.exists()


def test_rotate_withdraws_a_password_that_only_its_owner_draws_anew(staff, laptop):
    do(staff, CREDENTIALS, laptop, "rotate")

    laptop.refresh_from_db()
    assert (laptop.state, laptop.confirmed_at, laptop.secret_encrypted) == (
        "needs_rotation",
        None,
        None,
    )
    assert "operator withdrew" in laptop.note
    assert last_entry()[:3] == ("staff:staff", "rotate", f"credential:{laptop.pk}")


def test_of_a_service_nobody_is_said_to_be_mailed(staff, db):
    service = credentials.want_service("a-reader", "a-reader", [], "x" * 32)

    page = staff.get(f"{CREDENTIALS}/{service.pk}/do/rotate/").content.decode()
    done = do(staff, CREDENTIALS, service, "rotate").content.decode()

    assert "A service has no owner and nobody is mailed" in " ".join(page.split())
    assert "the owner is" not in page + done
    assert "a service waits for the command that made it" in " ".join(done.split())


def test_staff_give_a_credential_whose_password_only_its_owner_draws(staff, owl):
    page = staff.get(f"{PEOPLE}/{owl.pk}/change/").content.decode()
    assert "Give a Kafka credential" in page

    do(staff, PEOPLE, owl, "credential")

    given = KafkaCredential.objects.get()
    assert (given.user, given.kind, given.state) == (owl, "named", "needs_rotation")
    assert given.secret_encrypted is None
    assert "operator made" in given.note
    assert given in settlement.due(), "its owner is mailed once Kafka has nothing of it"
    assert last_entry() == (
        "staff:staff", "give credential", f"account:{owl.pk}", "he asked for it",
    )  # fmt: skip
    assert credentials.rotate(given, "y" * 32).state == "wanted"


def test_staff_give_no_more_credentials_than_an_account_may_have(staff, owl):
    for _ in range(10):
        do(staff, PEOPLE, owl, "credential")

    answer = do(staff, PEOPLE, owl, "credential")

    assert "has 10 credentials already" in answer.content.decode()
    assert KafkaCredential.objects.count() == 10


@pytest.mark.parametrize("is_in", ["inactive", "suspended"])
def test_staff_give_no_credential_to_who_is_not_active(staff, owl, is_in):
    BabamulUser.objects.update(state=is_in)

    do(staff, PEOPLE, owl, "credential")

    assert not KafkaCredential.objects.exists()


def test_one_credential_is_suspended_and_restored(staff, owl, laptop, rings):
    other = credentials.want(owl, "named", "desk", "y" * 32)

    do(staff, CREDENTIALS, laptop, "suspend")
    assert (state(laptop), state(other), state(owl)) == ("suspending", "wanted", "active")
    assert last_entry() == (
        "staff:staff", "suspend", f"credential:{laptop.pk}", "he asked for it",
    )  # fmt: skip

    do(staff, CREDENTIALS, laptop, "restore")
    assert state(laptop) == "wanted"
    assert last_entry()[1:3] == ("restore", f"credential:{laptop.pk}")


def test_a_credential_that_waits_for_its_next_try_is_granted_again_now(staff, owl, rings):
    desk = credentials.want(owl, "named", "desk", "y" * 32)
    KafkaCredential.objects.update(tries=7, next_try_at=Now() + timedelta(minutes=5))

    answer = do(staff, CREDENTIALS, desk, "grant")

    assert "is being granted again" in answer.content.decode()
    row = KafkaCredential.objects.get()
    assert (row.state, row.tries, row.next_try_at) == ("wanted", 0, None)
    assert row.secret_encrypted == desk.secret_encrypted
    assert row.generation == desk.generation + 1
    assert last_entry()[1:3] == ("grant again", f"credential:{desk.pk}")


@pytest.mark.parametrize(
    ("word", "is_in", "told"),
    [
        ("restore", "active", "this credential is active"),
        ("suspend", "suspended", "this credential is suspended"),
        ("grant", "needs_rotation", "this credential is needs rotation"),
    ],
)
def test_an_act_that_does_not_fit_a_credential_is_refused(staff, laptop, word, is_in, told):
    KafkaCredential.objects.update(state=is_in)

    assert told in do(staff, CREDENTIALS, laptop, word).content.decode()
    assert state(laptop) == is_in
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(("word", "is_in"), [("restore", "suspended"), ("grant", "active")])
def test_nothing_is_granted_to_an_account_that_is_suspended(staff, owl, laptop, word, is_in):
    BabamulUser.objects.update(state="suspended")
    KafkaCredential.objects.update(state=is_in)

    assert "this account is suspended" in do(staff, CREDENTIALS, laptop, word).content.decode()
    assert state(laptop) == is_in


def test_a_credential_is_deleted_once(staff, laptop):
    do(staff, CREDENTIALS, laptop, "revoke")
    again = do(staff, CREDENTIALS, laptop, "revoke")

    assert state(laptop) == "revoking"
    assert "this credential is revoking" in again.content.decode()


def test_a_token_is_deleted(staff, owl):
    row, token = tokens.new_personal(owl, "laptop")

    answer = do(staff, "/admin/accounts/accesstoken", row, "delete")

    assert answer.status_code == 200
    assert not AccessToken.objects.exists()
    with pytest.raises(tokens.BadTokenError):
        tokens.owner_of(token)


def test_an_unknown_act_is_not_found(staff, owl):
    assert staff.get(f"{PEOPLE}/{owl.pk}/do/praise/").status_code == 404


def member(role):
    user = User.objects.create(username=role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    browser = Client(headers={"host": "localhost"})
    browser.force_login(user)
    return browser


def test_the_role_admin_governs(owl):
    do(member("admin"), PEOPLE, owl, "suspend")

    assert state(owl) == "suspended"


def test_an_operator_looks_and_does_not_govern(owl):
    browser = member("operator")

    assert browser.get(f"{PEOPLE}/{owl.pk}/change/").status_code == 200
    assert "Suspend" not in browser.get(f"{PEOPLE}/{owl.pk}/change/").content.decode()
    assert do(browser, PEOPLE, owl, "suspend").status_code == 403
    assert state(owl) == "active"


@pytest.mark.parametrize("role", ["shifter", "data_manager"])
def test_others_do_not_see_people(owl, role):
    browser = member(role)

    assert browser.get(f"{PEOPLE}/").status_code == 403
    assert browser.get("/admin/pipeline/alert/").status_code == 200


def test_an_account_is_no_staff(owl):
    browser = Client(headers={"host": "localhost"})
    browser.cookies[COOKIE] = sessions.open_session(owl, "Firefox")

    assert browser.get("/profile").status_code == 200, "the cookie is good where it belongs"
    assert browser.get(f"{PEOPLE}/").status_code == 302
