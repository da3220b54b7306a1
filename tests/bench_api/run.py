"""One run: fill, analyse, ask as an account and as anybody."""

import time
from typing import Any

from django.test import Client

from accounts.models import BabamulUser
from accounts.tokens import new_personal
from broker.config import config
from broker.db import cursor, engine, transaction
from pipeline.catalogs.known import LSPSC, NED
from pipeline.catalogs.record import SCHEMA
from tests.bench_api.measure import measure
from tests.bench_api.profiles import Profile
from tests.bench_api.questions import questions
from tests.bench_api.sky import fill
from tests.integration.api.world import load_rows


def figures(profile: Profile, limit_s: int) -> tuple[list[dict[str, Any]], float]:
    """Return the figures of every question, and how long the filling took [s]."""
    begun = time.perf_counter()
    with transaction(statement_timeout_s=limit_s) as session:
        filled = fill(session, profile)
        with cursor(session) as cur:
            cur.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        for catalog in (LSPSC, NED):
            row = {"id": 1, "ra": 10.0, "dec": 10.0, "score": 0.5, "objname": "NGC 1"}
            load_rows(session, catalog, [row])
    _analyse(limit_s)
    filled_s = time.perf_counter() - begun
    BabamulUser.objects.filter(email="bench@example.org").delete()
    user = BabamulUser.objects.create(
        email="bench@example.org", username="bench", password="!", state="active"
    )
    _, token = new_personal(user, "bench")
    host = {"host": config().web.allowed_hosts[0]}
    api = Client(headers={**host, "authorization": f"Bearer {token}"})
    asked = questions(api, Client(headers=host), filled, profile)
    size_gb = _database_bytes() / 1e9
    print(
        f"{profile.alerts:,} alerts, {size_gb:.2f} GB, written in {filled_s:.0f} s; ms of server time\n"
    )
    return measure(asked, profile, print), filled_s


def _database_bytes() -> int:
    with transaction() as session, cursor(session) as cur:
        cur.execute("SELECT pg_database_size(current_database())")
        return int(cur.fetchall()[0][0])


def _analyse(limit_s: int) -> None:
    """Vacuum too, as autovacuum does: index-only scans want its map."""
    with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"SET statement_timeout = {limit_s * 1000}")
        connection.exec_driver_sql("VACUUM (ANALYZE) alerts, objects, light_curves")
    engine().dispose()
