"""After a restore: what Kafka and the older rows disagree about is proposed, and done when told."""

import uuid

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import credentials, reconcile, safe_mode, sessions, settlement
from accounts.models import AuditEntry, BabamulUser, DriftReport, WebSession
from accounts.principals import new_password
from broker import kafka_admin
from broker.config import config
from tests.integration.accounts_admin.test_acts import member
from tests.integration.credentials.conftest import granted, wanted

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    """Take every row for one that did not change since Kafka was listed."""
    monkeypatch.setattr(reconcile, "_is_older", lambda _row, _moment: True)


@pytest.fixture
def rings(monkeypatch):
    heard = []
    monkeypatch.setattr(safe_mode, "enqueue", lambda *ring: heard.append(ring))
    return heard


def repairs():
    report = reconcile.reconcile()
    assert report.error == ""
    return {line["principal"]: line["repair"] for line in report.lines}


def test_it_proposes_and_does_nothing_until_it_ends(bell, owl, mine, rings):
    lost, held = granted(bell, owl), wanted(owl, name="desktop")
    kafka_admin.take_secret(lost.row.principal)
    stranger = f"babamul-{uuid.uuid4()}"
    mine.update({stranger, lost.row.principal})
    password = new_password()
    kafka_admin.grant_reader(stranger, password, stranger)
    call_command("safe_mode", "--begin", "--why", "backup of noon")
    proposed = {
        stranger: "proposed: revoked",
        lost.row.principal: "proposed: its owner is asked to rotate",
        held.row.principal: safe_mode.HELD,
    }

    assert repairs() == proposed
    assert repairs() == proposed, "seen twice is no reason either"
    bell.answer()  # the wish of before rings in vain
    assert settlement.sweep() == 0
    assert held.now().state == "wanted"
    assert lost.now().state == "active"
    servers = config().kafka.public_servers
    assert kafka_admin.try_login(stranger, password, servers) is kafka_admin.LoginOutcome.ACCEPTED

    bell.rings.clear()
    call_command("safe_mode", "--end", "--why", "looked at each")
    assert rings == [("accounts.sweep", "accounts"), ("accounts.reconcile", "accounts")]
    settlement.sweep()
    bell.answer()
    assert repairs() == {
        stranger: "revoked",
        lost.row.principal: "its owner is asked to rotate",
    }
    assert (lost.now().state, held.now().state) == ("needs_rotation", "active")
    assert stranger not in kafka_admin.listed_secrets()
    entry = AuditEntry.objects.get(action="end-safe-mode")
    assert (entry.actor[:6], entry.why) == ("shell:", "looked at each")
    with pytest.raises(CommandError, match="not on"):
        call_command("safe_mode", "--end", "--why", "again")


def test_a_comparison_that_found_nothing_says_so(owl, rings, capsys):
    call_command("safe_mode", "--begin", "--why", "backup of noon")
    DriftReport.objects.create(lines=[])

    call_command("safe_mode")

    assert "nothing differs" in capsys.readouterr().out


def test_what_is_wished_after_the_restore_is_done(bell, owl, mine, rings):
    login = wanted(owl)
    safe_mode.begin("backup of noon", settlement.UNSETTLED_ROWS)
    with transaction.atomic():
        credentials.rotate(login.row, new_password())

    bell.answer()

    assert login.now().state == "active"


@pytest.mark.django_db
def test_logins_of_before_end(rings):
    user = BabamulUser.objects.create(
        email="owl@example.org", username="owl", password="!", state="active"
    )
    sessions.open_session(user, "Firefox")

    safe_mode.begin("backup of noon", settlement.UNSETTLED_ROWS)

    assert WebSession.objects.count() == 0
    assert BabamulUser.objects.get().generation == safe_mode.GENERATIONS


@pytest.mark.django_db
def test_staff_end_it_with_a_reason_on_the_drift_page(rings):
    safe_mode.begin("backup of noon", settlement.UNSETTLED_ROWS)
    DriftReport.objects.create(lines=[])
    page, end = "/admin/accounts/driftreport/", "/admin/accounts/driftreport/end-safe-mode/"
    staff = member("admin")
    assert "backup of noon" in staff.get(page).content.decode()
    assert "safe mode since" in staff.get("/admin/").content.decode()

    staff.post(end, {"why": " "})
    assert safe_mode.current() is not None
    assert staff.get(end).status_code == 403
    staff.post(end, {"why": "looked at each"})

    assert safe_mode.current() is None
    assert AuditEntry.objects.get(action="end-safe-mode").actor.startswith("staff:")
