"""A database is lost and an older one restored: nothing is lost or sent twice, nobody locked out."""

import json
from collections import Counter
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from broker import kafka_admin
from broker.config import config
from tests.database import run_sql
from tests.drill import load
from tests.e2e.system import System, make_input_topic, on
from tests.e2e.upkeep import start_upkeep, use_own_redis
from tests.redis_databases import RedisDatabase

pytestmark = [pytest.mark.restore, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

BEFORE, AFTER, NIGHT, LATER = 40, 20, 10, 10
PEOPLE = """
import json
from django.db import transaction
from accounts import credentials, settlement
from accounts.models import BabamulUser, KafkaCredential
from accounts.principals import new_password

def made(name):
    user, _ = BabamulUser.objects.get_or_create(
        email=name + "@example.org", defaults=dict(username=name, password="!", state="active"))
    password = new_password()
    with transaction.atomic():
        row = credentials.want(user, "named", name, password)
    settlement.settle_here(row, "active", 60)
    return {"principal": row.principal, "password": password}

def rotated(name):
    row, password = KafkaCredential.objects.get(name=name), new_password()
    with transaction.atomic():
        row = credentials.rotate(row, password)
    settlement.settle_here(row, "active", 60)
    return {"principal": row.principal, "password": password}

def revoked(name):
    row = KafkaCredential.objects.get(name=name)
    with transaction.atomic():
        row = credentials.revoke(row)
    settlement.settle_here(row, "revoked", 60)

def compared(*ours):
    from accounts import reconcile
    reconcile.is_persons = ours.__contains__
    reconcile._is_older = lambda row, moment: True
    reconcile._delete_groups_of_nobody = lambda: None
    report = reconcile.reconcile()
    assert report.error == "", report.error
    return {line["principal"]: line["repair"] for line in report.lines}
"""


def people(system: System, expression: str):
    """Return what an expression over ``PEOPLE`` comes to on the system's database."""
    code = f"{PEOPLE}\nprint(json.dumps({expression}))"
    return json.loads(system.manage("shell", "--no-imports", "-c", code))


def login(who: dict[str, str]) -> kafka_admin.LoginOutcome:
    return kafka_admin.try_login(who["principal"], who["password"], config().kafka.public_servers)


def packets(first: int, count: int) -> list[bytes]:
    return [load.ztf(number).value for number in range(first, first + count)]


def start(system: System) -> None:
    system.start_listeners("ztf")
    system.start_worker()
    start_upkeep(system)


def destroy(url: str) -> None:
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(f"{url.rpartition('/')[0]}/postgres", autocommit=True) as server:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_a_lost_database_is_restored_and_everything_goes_on(
    system: System, make_input: Callable[..., str], output_ends: dict[tuple[str, int], int]
):
    use_own_redis(system, RedisDatabase.BACKUP)
    system.environment |= {"NIGHTJAR_BACKUP__PATH": str(system.folder / "backups")}
    url = system.environment["NIGHTJAR_POSTGRES__URL"]
    topic = make_input("ztf")
    start(system)
    system.send(on(topic, packets(0, BEFORE)))
    _kept, rotated, deleted = (people(system, f"made({name!r})") for name in "krd")
    system.wait_until_accounted(BEFORE)

    said = system.manage("backup")
    (folder,) = system.manage("backup", "--list").split()
    assert "whole: " in said

    system.send(on(topic, packets(BEFORE, AFTER)))
    next_night = make_input_topic(system, "ztf", night="20260802")
    system.send(on(next_night, packets(BEFORE + AFTER, NIGHT)))
    known = BEFORE + AFTER + NIGHT
    created = people(system, "made('c')")
    rotated = people(system, "rotated('r')")
    people(system, "revoked('d')")
    system.wait_until_accounted(known)
    busy = system._managed("restore", folder, "--yes", "--replace")
    assert "is in use by" in busy.stderr
    system.stop_all()

    destroy(url)
    told = system.manage("restore", folder, "--yes", "--accept-loss")
    assert f"{AFTER + NIGHT} offsets since the backup, replayed, nothing published" in told
    assert run_sql(url, "SELECT count(*) FROM alerts") == [(BEFORE,)]

    start(system)
    system.send(on(topic, packets(known, LATER)))
    books = system.wait_until_accounted(known + LATER)
    assert books["balanced"]
    sent = Counter(message.headers["delivery_id"] for message in system.published(output_ends))
    assert len(sent) >= known + LATER - sum(
        count for night in books["nights"] for count in night["gated"].values()
    )
    assert set(sent.values()) == {1}, "nothing is published twice"

    names = {who["principal"] for who in (created, rotated, deleted)}
    asked = f"compared(*{sorted(names)!r})"
    proposed = {
        created["principal"]: "proposed: revoked",
        deleted["principal"]: "proposed: its owner is asked to rotate",
    }
    assert people(system, asked) == proposed
    assert people(system, asked) == proposed
    for who in (created, rotated):
        assert login(who) is kafka_admin.LoginOutcome.ACCEPTED
    system.manage("safe_mode", "--end", "--why", "looked at each")
    assert people(system, asked) == {
        principal: repair.removeprefix("proposed: ") for principal, repair in proposed.items()
    }
    assert login(created) is kafka_admin.LoginOutcome.REFUSED
    assert login(rotated) is kafka_admin.LoginOutcome.ACCEPTED
