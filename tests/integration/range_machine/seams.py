"""Where our code meets the model: crash points in it, the model's Kafka, clock and Redis around it."""

import sys
from typing import Any

import structlog
from sqlalchemy import event

from broker import db, failpoints
from broker.ranges import claim as claims
from broker.ranges import listener as listeners
from broker.ranges import working
from pipeline.alerts import stranded, tasks
from tests.integration.range_machine.actors import crash_point, current
from tests.integration.range_machine.world import World

_worlds: list[World] = []


def play(world: World) -> None:
    """Let our code meet this world from now on."""
    _worlds[:] = [world]


def build_in(monkeypatch: Any) -> None:
    """Put crash points into our code, and the model's Kafka, clock and Redis around it."""
    real = failpoints.failpoint
    for module in [*sys.modules.values()]:  # some import more when they are asked for a name
        if vars(module).get("failpoint") is real:
            monkeypatch.setattr(module, "failpoint", crash_point)
    monkeypatch.setattr(working, "claim", _claim)
    monkeypatch.setattr(working, "release", _release)
    bury = claims._bury
    monkeypatch.setattr(claims, "_bury", lambda *given: _worlds[-1].crew.note_burial(bury, *given))
    monkeypatch.setattr(tasks, "resources", lambda: _worlds[-1].crew.resources)
    for module in (claims, listeners):
        monkeypatch.setattr(module, "time", _Now())
    monkeypatch.setattr(stranded, "REST_S", 0)
    engine = db.engine()
    engine.pool._max_overflow = 30
    event.listen(engine, "begin", _begins)
    event.listen(engine, "commit", _commits)
    event.listen(engine, "rollback", _rolls_back)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))


def _claim(*arguments: Any, **named: Any) -> claims.Claim | None:
    return _worlds[-1].crew.note_claim(*arguments, **named)


def _release(*arguments: Any, **named: Any) -> None:
    _worlds[-1].crew.note_release(*arguments, **named)


class _Now:
    """The clock of the world that is being told."""

    def monotonic(self) -> float:
        return _worlds[-1].clock.monotonic()

    def sleep(self, seconds: float) -> None:
        _worlds[-1].clock.sleep(seconds)


def _begins(_: Any) -> None:
    if current() is not None:
        crash_point("begin")
        current().is_inside = True


def _commits(connection: Any) -> None:
    actor = current()
    if actor is None:
        return
    try:
        crash_point("commit")
    except BaseException:
        actor.is_inside = False
        connection.connection.dbapi_connection.rollback()  # as a server does with a lost client
        raise
    _worlds[-1].crew.note_transaction(actor)
    actor.is_inside = False


def _rolls_back(_: Any) -> None:
    if current() is not None:
        current().is_inside = False
