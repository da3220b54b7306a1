"""A worker that dies between the table and Kafka: the next one brings both together."""

import signal
import subprocess
import sys

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from accounts import credentials, settlement
from accounts.models import KafkaCredential
from broker import kafka_admin
from broker.config import ROOT
from tests.environment import inherited
from tests.integration.credentials.conftest import granted, wanted

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

KILLED_AT = ["credential_claimed", "credential_settled"]
WORK = "from accounts import credential_tasks; import sys; credential_tasks.settle(sys.argv[1], int(sys.argv[2]))"


def die_at(place, row):
    """Settle a row in a process that dies at ``place``."""
    database = connection.settings_dict
    url = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**database)
    done = subprocess.run(
        [sys.executable, "-c", WORK, str(row.pk), str(row.generation)],
        cwd=ROOT,
        env=inherited({"NIGHTJAR_POSTGRES__URL": url, "NIGHTJAR_TESTING__FAILPOINT": place}),
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def sweep(bell):
    """Let the lease of the dead end, and the sweep come by."""
    KafkaCredential.objects.update(lease_until=Now())
    assert settlement.sweep() == 1
    bell.answer()


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_grant_that_died_is_done_by_the_next(bell, owl, place):
    login = wanted(owl)
    bell.rings.clear()
    die_at(place, login.row)
    assert login.now().state == "granting"

    sweep(bell)

    assert login.now().state == "active"
    assert login.may_log_in()


@pytest.mark.parametrize("place", KILLED_AT)
def test_a_revocation_that_died_is_done_by_the_next(bell, owl, place):
    login = granted(bell, owl)
    with transaction.atomic():
        row = credentials.revoke(login.row)
    bell.rings.clear()
    die_at(place, row)
    assert login.now().state == "revoking"

    sweep(bell)

    assert login.now().state == "revoked"
    assert not login.may_log_in()
    assert kafka_admin.listed_rights(row.principal) == {}


def test_nobody_touches_the_row_while_its_lease_holds(bell, owl):
    login = wanted(owl)
    die_at("credential_claimed", login.row)

    bell.answer_once()

    assert login.now().state == "granting"
    assert settlement.sweep() == 0
