"""F3: Redis is killed and comes back empty, is emptied, and stands behind a broken wire."""

import shutil
import time
from collections.abc import Callable

from redis import Redis

from broker.config import config
from tests.drill import web
from tests.drill.proxy import BLACKHOLE, PASS, REFUSE, RESET, Mode, Proxy
from tests.drill.record import Fault
from tests.drill.stage import Stage

LASTS_S = 15.0
SHORT_LASTS_S = 3.0
WEB_WITHIN_S = 1.0
FLUSHES = 10
FLUSH_EVERY_S = 1.0
WIRES = {"blackholed": BLACKHOLE, "connections reset": RESET, "refused": REFUSE}
SHORT_WIRES = ("blackholed",)


def run(stage: Stage) -> None:
    """Break Redis in each way; meanwhile pages are asked for."""
    if not stage.is_short:
        stage.cast["web"] = web.member()
    _play(stage, "FLUSHALL, again and again", lambda: _flush(stage))
    if stage.ground.servers is None:
        stage.skip("killed with -9, comes back empty", "the servers are shared with other tests")
    else:
        _play(stage, "killed with -9, comes back empty", lambda: _kill(stage))
    with Proxy(_port()) as proxy:
        address = stage.settings["NIGHTJAR_REDIS__URL"]
        stage.settings["NIGHTJAR_REDIS__URL"] = address.replace(f":{_port()}/", f":{proxy.port}/")
        for name in SHORT_WIRES if stage.is_short else WIRES:
            _play(stage, name, lambda name=name: _break(stage, proxy, WIRES[name]))


def _play(stage: Stage, name: str, act: Callable[[], None]) -> None:
    with stage.case(name) as case:
        if stage.is_short:
            with case.fault():
                act()
            return
        with web.Visitor(stage.cast["web"]) as visitor, case.fault():
            act()
        case.outcome.note = str(visitor)
        if visitor.failures:
            case.complaints.append(f"the web failed: {visitor.failures[:3]}")
        if max(visitor.slowest_s.values()) > WEB_WITHIN_S:
            case.complaints.append(f"a slow web: {visitor}")


def _flush(stage: Stage) -> None:
    """Empty Redis, or on shared servers what is ours in it."""
    with Redis.from_url(stage.settings["NIGHTJAR_REDIS__URL"]) as redis:
        for _ in range(2 if stage.is_short else FLUSHES):
            if stage.ground.servers is None:
                redis.flushdb()
            else:
                redis.flushall()
            time.sleep(FLUSH_EVERY_S)


def _kill(stage: Stage) -> None:
    """Kill the server, throw away what it has written, and start it after a while."""
    servers = stage.servers
    servers.kill("redis")
    shutil.rmtree(servers.native.home.path / "redis")
    time.sleep(LASTS_S)
    servers.start("redis")


def _break(stage: Stage, proxy: Proxy, mode: Mode) -> None:
    proxy.set(mode)
    time.sleep(SHORT_LASTS_S if stage.is_short else LASTS_S)
    proxy.set(PASS)


def _port() -> int:
    """Return the port of the server itself."""
    return int(config().redis.url.get_secret_value().rpartition(":")[2].partition("/")[0])


FAULT = Fault("F3", "Redis killed, emptied, silent, refusing", run, is_short=True)
