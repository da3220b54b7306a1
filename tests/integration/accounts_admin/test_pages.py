"""Staff's pages of people: they find, they show, and no secret is on any of them."""

import pytest
from django.db.models.functions import Now

from accounts import audit, credentials, mail, sessions, tokens
from accounts.models import BabamulUser, DriftReport, KafkaCredential, OutboxMail
from tests.integration.accounts_admin.test_acts import member

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

LISTS = [
    "babamuluser",
    "kafkacredential",
    "accesstoken",
    "outboxmail",
    "auditentry",
    "driftreport",
]
LINE = {
    "principal": "night@example.org",
    "ours": "active",
    "kafka": "no password, no rights",
    "repair": "its owner is asked to rotate",
}


@pytest.fixture(autouse=True)
def rings(monkeypatch):
    heard = []
    for module in (credentials, mail):
        monkeypatch.setattr(module, "enqueue", lambda *ring: heard.append(ring))
    monkeypatch.setattr("accounts.admin.drift.enqueue", lambda *ring: heard.append(ring))
    return heard


@pytest.fixture
def owl():
    return BabamulUser.objects.create(
        email="owl@example.org",
        username="owl",
        password="$argon2id$marker-hash",
        state="active",
        activated_at=Now(),
    )


@pytest.fixture
def everything(owl):
    """A row of each kind."""
    credential = credentials.want(owl, "named", "laptop", "marker-password" + "x" * 17)
    token, _ = tokens.new_personal(owl, "notebook")
    sessions.open_session(owl, "Firefox")
    letter = mail.post(owl.email, "known", {"public_url": "http://x"})
    audit.record("nightjar", "forget", f"account:{owl.pk}", "marker-why")
    report = DriftReport.objects.create(lines=[LINE])
    return {
        "babamuluser": owl,
        "kafkacredential": credential,
        "accesstoken": token,
        "outboxmail": letter,
        "driftreport": report,
    }


@pytest.mark.parametrize("name", LISTS)
def test_each_list_opens(staff, everything, name):
    assert staff.get(f"/admin/accounts/{name}/").status_code == 200


@pytest.mark.parametrize("name", [name for name in LISTS if name != "auditentry"])
def test_each_row_opens_and_shows_no_secret(staff, everything, name):
    row = everything[name]
    page = staff.get(f"/admin/accounts/{name}/{row.pk}/change/")

    assert page.status_code == 200
    text = page.content.decode()
    assert "marker-hash" not in text
    assert "marker-password" not in text
    assert str(bytes(KafkaCredential.objects.get().secret_encrypted))[2:40] not in text


@pytest.mark.parametrize("name", LISTS)
def test_nobody_adds_a_row_by_hand(staff, name):
    assert staff.get(f"/admin/accounts/{name}/add/").status_code == 403


def test_an_account_is_found_by_the_user_name_of_its_credential(staff, everything):
    principal = everything["kafkacredential"].principal

    page = staff.get("/admin/accounts/babamuluser/", {"q": principal}).content.decode()
    assert "owl@example.org" in page
    page = staff.get("/admin/accounts/babamuluser/", {"q": principal[:-1]}).content.decode()
    assert "owl@example.org" not in page


@pytest.mark.parametrize("page", ["babamuluser", "kafkacredential"])
def test_a_consumer_group_leads_to_its_owner(staff, everything, page):
    group = f"{everything['kafkacredential'].principal}-laptop"

    found = staff.get(f"/admin/accounts/{page}/", {"q": group}).content.decode()
    assert "owl@example.org" in found


def test_an_account_shows_what_it_has_and_what_was_done(staff, everything):
    page = staff.get(f"/admin/accounts/babamuluser/{everything['babamuluser'].pk}/change/")

    text = page.content.decode()
    for expected in ("laptop", "notebook", "Firefox", "marker-why", "not yet"):
        assert expected in text


def test_drift_says_what_postgres_and_kafka_say(staff, everything):
    text = staff.get("/admin/accounts/driftreport/").content.decode()

    for expected in ("Postgres says", "Kafka says", *LINE.values()):
        assert expected in text


def test_an_outage_is_told_instead_of_drift(staff):
    DriftReport.objects.create(lines=[], error="Kafka: nobody there")

    text = staff.get("/admin/accounts/driftreport/").content.decode()
    assert "nobody there" in text
    assert "say the same" not in text


def test_repair_rings_for_the_worker(staff, rings):
    staff.post("/admin/accounts/driftreport/repair/")

    assert rings == [("accounts.reconcile", "accounts")]


def test_repair_is_no_link(staff, rings):
    assert staff.get("/admin/accounts/driftreport/repair/").status_code == 403
    assert rings == []


def test_a_mail_without_a_server_can_be_read(staff, everything, tmp_path, monkeypatch):
    monkeypatch.setattr(mail, "spool_folder", lambda: tmp_path)
    row = OutboxMail.objects.get()
    OutboxMail.objects.update(next_try_at=Now())
    mail.send(row.pk)

    page = f"/admin/accounts/outboxmail/{row.pk}/change/"
    assert "you already have one" in staff.get(page).content.decode()
    assert "you already have one" in member("admin").get(page).content.decode()
    for_operators = member("operator").get(page)
    assert for_operators.status_code == 200
    assert "you already have one" not in for_operators.content.decode()
