"""Ask, time, and let Postgres explain what was slow."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from django.db import connection as people
from sqlalchemy import event

from broker import db
from tests.bench_api.profiles import Profile
from tests.bench_api.questions import Question

HEAD = f"{'':42}{'median':>9}{'95 %':>9}{'max':>9}{'CPU':>9}{'goal':>7}{'kB':>9}"
SHOWN_PLANS = 2
"""Of a question that missed its goal: those of its slowest statements."""


def measure(
    questions: Sequence[Question], profile: Profile, tell: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Return the figures of every question, in their order; each is told when it is known."""
    tell(HEAD)
    found = []
    for question in questions:
        found.append(_asked(question, profile))
        tell(line(found[-1]))
    return found


def _asked(question: Question, profile: Profile) -> dict[str, Any]:
    rounds = max(round(profile.rounds * question.rounds_share), profile.warm, 1)
    for n in range(profile.warm):
        _answer(question, n)
    times_ms, size_bytes, status = [], 0, set()
    used_ns = _cpu_ns()
    for n in range(profile.warm, profile.warm + rounds):
        begun = time.perf_counter()
        response, size = _answer(question, n)
        times_ms.append(1000 * (time.perf_counter() - begun))
        size_bytes += size
        status.add(response.status_code)
    found = {
        "name": question.name,
        "rounds": rounds,
        "status": sorted(status),
        "median_ms": float(np.median(times_ms)),
        "p95_ms": float(np.percentile(times_ms, 95)),
        "max_ms": float(np.max(times_ms)),
        "cpu_ms": (_cpu_ns() - used_ns) / 1e6 / rounds,
        "mean_bytes": size_bytes / rounds,
        "goal_ms": question.goal_ms,
    }
    is_missed = question.goal_ms is not None and found["p95_ms"] > question.goal_ms
    if is_missed and profile.is_judged:
        found["plans"] = _explained(question)
    return found


def _cpu_ns() -> int:
    """Return what this process and its two backends of Postgres have computed; blind to others."""
    people.ensure_connection()
    with db.transaction() as session:
        streams = db.cursor(session).connection.info.backend_pid
    pids = ("self", people.connection.info.backend_pid, streams)
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids)


def _answer(question: Question, n: int) -> tuple[Any, int]:
    response = question.ask(n)
    if response.streaming:
        return response, sum(map(len, response))
    return response, len(response.content)


def _explained(question: Question) -> list[str]:
    """Ask once more, and let Postgres explain every statement; return the slowest ones' plans."""
    plans: list[tuple[float, str]] = []

    class Explaining(psycopg.Cursor[Any]):
        """Explains what it is about to run."""

        def execute(self, query: Any, params: Any = None, **more: Any) -> Any:
            if isinstance(query, str) and query.lstrip().startswith("SELECT"):
                super().execute(f"EXPLAIN (ANALYZE, BUFFERS) {query}", params)
                lines = [row[0] for row in self.fetchall()]
                told = [line for line in lines if line.startswith("Execution Time")]
                plans.append((float(told[0].split()[2]), "\n".join([query, *lines])))
            return super().execute(query, params, **more)

    def listen(connection: Any, _record: Any) -> None:
        connection.cursor_factory = Explaining

    db.engine().dispose()
    event.listen(db.engine(), "connect", listen)
    try:
        _answer(question, 1)
    finally:
        event.remove(db.engine(), "connect", listen)
        db.engine().dispose()
    return [text for _, text in sorted(plans, reverse=True)[:SHOWN_PLANS]]


def failures(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return what missed its goal or was not answered."""
    wrong = [f"{row['name']}: answered {row['status']}" for row in rows if row["status"] != [200]]
    slow = [
        f"{row['name']}: {row['p95_ms']:.0f} ms, wanted {row['goal_ms']:.0f}"
        for row in rows
        if row["goal_ms"] is not None and row["p95_ms"] > row["goal_ms"]
    ]
    return wrong + slow


def line(row: dict[str, Any]) -> str:
    """Return one question's figures as text, with the plans of what was too slow."""
    goal = "" if row["goal_ms"] is None else f"{row['goal_ms']:.0f}"
    first = (
        f"{row['name']:42}{row['median_ms']:9.1f}{row['p95_ms']:9.1f}{row['max_ms']:9.1f}"
        f"{row['cpu_ms']:9.1f}{goal:>7}{row['mean_bytes'] / 1e3:9.1f}"
    )
    plans = [f"    {each}" for plan in row.get("plans", ()) for each in plan.splitlines()]
    return "\n".join([first, *plans])


def as_json(
    profile: Profile, filled_s: float, rows: Sequence[dict[str, Any]], logins: Mapping[str, float]
) -> str:
    """Return everything for programs."""
    head = {"profile": profile.name, "alerts": profile.alerts, "filled_s": filled_s}
    found = {"unit": "ms of server time", "questions": list(rows), "logins": dict(logins)}
    return json.dumps(head | found, indent=1)
