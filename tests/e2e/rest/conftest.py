"""A web server over the real packets, on the port that the published client hard-wires."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broker.db import cursor, transaction
from pipeline.catalogs.known import LSPSC, NED
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from tests import samples
from tests.e2e.site import start_web
from tests.e2e.system import System
from tests.integration.api.world import load_rows, store_packets

CLIENT_PORT = 4000
LSST_OBJECT = 170_028_496_585_700_001
"""Of none of the real packets."""
MANY = 10_050
"""More than the client's page."""
JD = 2461254.75
MANY_JD = 2461300.5
SECRET = "for these tests only, and long enough to be a key"
MAKE_ACCOUNT = """
from accounts.models import BabamulUser
from accounts.tokens import login_token, new_personal
user = BabamulUser.objects.create(
    email="ada@example.org", username="ada", password="!", state="active")
print("TOKENS", new_personal(user, "tests")[1], login_token(user))
"""


@dataclass
class Rest:
    """A running server, and the account's two kinds of token."""

    port: int
    personal: str
    login: str
    system: System


@pytest.fixture(scope="module")
def rest(make_system: Callable[[str], AbstractContextManager[System]]) -> Iterator[Rest]:
    """Serve every real packet of both surveys, a pair seen by both, and one long night."""
    samples.folder()
    with _free_port() as port, make_system("rest") as system:
        system.environment = {
            **system.environment,
            "NIGHTJAR_WEB__PORT": str(port),
            "NIGHTJAR_WEB__SECRET_KEY": SECRET,
        }
        _fill(system.folder / "archive")
        printed = system.manage("shell", "-v", "0", "-c", MAKE_ACCOUNT)
        _, personal, login = printed[printed.index("TOKENS") :].split()
        start_web(system, f"http://127.0.0.1:{port}")
        yield Rest(port, personal, login, system)


def _fill(archive: Path) -> None:
    with transaction() as session:
        load_rows(
            session, LSPSC, [{"id": 5, "ra": 150.0, "dec": 30.0, "score": 0.9, "mag_white": 18.0}]
        )
        load_rows(session, NED, [{"ra": 150.0, "dec": 30.001, "objname": "NGC 1", "z": 0.01}])
    parts: dict[str, list[bytes]] = {
        "ztf": [one.value for one in samples.ztf_originals() + samples.ztf_rewritten()],
        "lsst": [one.value for one in samples.rubin()],
    }
    parts["lsst"] += [make_lsst_packet(diaSourceId=1 << 57, diaObjectId=LSST_OBJECT, jd=JD)]
    parts["ztf"] += [
        make_ztf_packet(
            candid=(1 << 53) + 1, jd=JD + 0.5, magpsf=18.5, sgscore1=0.1, distpsnr1=1.0
        ),
        make_ztf_packet(candid=777, object_id="ZTF26ppppppp", programid=2, ra=151.0),
        make_ztf_packet(candid=778, object_id="ZTF26mmmmmmm", jd=MANY_JD, ra=200.0),
    ]
    for survey, values in parts.items():
        with transaction() as session:
            store_packets(session, survey, values, archive)
    with transaction() as session, cursor(session) as cur:
        _repeat(cur, 778, MANY)


def _repeat(cur: Any, candid: int, count: int) -> None:
    """Store an alert again and again under other numbers."""
    cur.execute("SELECT * FROM alerts WHERE false")
    names = [column.name for column in cur.description if column.name != "id"]
    changed = {"candid": "candid + n", "source_offset": "source_offset + 1000000 + n"}
    columns = ", ".join(names)
    values = ", ".join(changed.get(name, name) for name in names)
    cur.execute(
        f"INSERT INTO alerts ({columns}) SELECT {values} FROM alerts,"
        " generate_series(1, %s) AS n WHERE candid = %s",
        (count - 1, candid),
    )


@contextmanager
def _free_port() -> Iterator[int]:
    """Yield the client's port, or skip: the client cannot be told another."""
    try:
        with socket.create_server(("127.0.0.1", CLIENT_PORT)):
            pass
    except OSError:
        pytest.skip(f"port {CLIENT_PORT}, which the client hard-wires, is taken")
    yield CLIENT_PORT
