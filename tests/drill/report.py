"""What a drill found, as a page for people and as plain values for programs."""

import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from compose.native import java, postgres, redis
from compose.native.home import ROOT
from compose.native.kafka import pinned_version
from tests.drill.record import Fault, Outcome

GIGABYTE = 1e9
PAGE = """\
# Crash drill

Written by `make drill DRILL_OPTIONS="--out docs/drill.md"`. Every fault is played on real Postgres,
Redis and Kafka, on our own processes, while alerts keep coming at a steady rate. After each case
every packet that Kafka took must be exactly one alert, one duplicate or one dead letter; every
decided message must be on its topic, copies under one delivery id, and only where the design allows
copies; the archive must hold every alert as it came; Kafka must have every offset committed; and
`manage.py ledger` must balance.

{about}

## Faults

{faults}

Recovery: from the fault's end until everything sent before it is accounted for. Load: alerts
finished per second before the fault, until recovery, and after it (where what waited is made up
for); packets keep coming at the same rate throughout.

## Sums

{sums}

## Cases

{cases}
{failures}"""


def line(outcome: Outcome) -> str:
    """Return one case in one line, for whom waits."""
    name = f"{outcome.fault:<4} {outcome.case:<36}"
    if outcome.skipped:
        return f"{name} skipped: {outcome.skipped}"
    counts = (
        f"{_verdict(outcome)}: {outcome.sent} sent, lost {outcome.lost},"
        f" repeated {outcome.repeated} of {outcome.messages},"
        f" recovered in {_number(outcome.recovery_s)} s; alerts/s {_load(outcome)}"
    )
    return f"{name} " + "; ".join(filter(None, [counts, outcome.note, outcome.error]))


def as_json(outcomes: Iterable[Outcome], about: Mapping[str, str]) -> dict[str, Any]:
    """Return everything as plain values."""
    return {"about": dict(about), "cases": [asdict(outcome) for outcome in outcomes]}


def page(faults: Sequence[Fault], outcomes: Sequence[Outcome], about: Mapping[str, str]) -> str:
    """Return the whole result as Markdown."""
    failed = [outcome for outcome in outcomes if not (outcome.survived or outcome.skipped)]
    told = "".join(f"\n### {one.fault} {one.case}\n\n```\n{one.error}\n```\n" for one in failed)
    return PAGE.format(
        about="\n".join(f"* {name}: {text}" for name, text in about.items()),
        faults=fault_table(faults, outcomes),
        sums=sums(outcomes),
        cases=_case_table(outcomes),
        failures=f"\n## Failures\n{told}" if failed else "",
    )


def fault_table(faults: Iterable[Fault], outcomes: Sequence[Outcome]) -> str:
    """Return a line per fault: survived n of n, what was lost, the worst recovery."""
    rows = [
        _fault_row(fault, [outcome for outcome in outcomes if outcome.fault == fault.number])
        for fault in faults
    ]
    head = (
        "fault", "", "survived", "sent", "dead letters", "lost", "repeated", "worst recovery [s]",
        "alerts/s before / during / after",
    )  # fmt: skip
    return _table(head, [row for row in rows if row])


def sums(outcomes: Sequence[Outcome]) -> str:
    """Return the figures of the whole drill."""
    tried = [outcome for outcome in outcomes if not outcome.skipped]
    sent, messages = sum(one.sent for one in tried), sum(one.messages for one in tried)
    repeated = sum(one.repeated for one in tried)
    share = 100 * repeated / messages if messages else 0.0
    worst = max(tried, key=lambda one: one.recovery_s or 0.0, default=None)
    slowest = f", in {worst.fault} ({worst.case})" if worst else ""
    lines = {
        "cases survived": f"{sum(one.survived for one in tried)} of {len(tried)};"
        f" skipped: {len(outcomes) - len(tried)}",
        "processes of ours killed": str(sum(one.kills for one in tried)),
        "packets sent": f"{sent}; **lost: {sum(one.lost for one in tried)}**",
        "bad packets tried": f"{sum(one.bad for one in tried)};"
        f" dead letters made: {sum(one.dead_letters for one in tried)}",
        "messages published": f"{messages}; published twice: {repeated} ({share:.2f} %)",
        "worst recovery": f"{_number(worst.recovery_s if worst else None)} s{slowest}",
        "largest worker process": f"{max((one.memory_mb for one in tried), default=0):.0f} MB",
    }
    return "\n".join(f"* {name}: {text}" for name, text in lines.items())


def about(began: datetime) -> dict[str, str]:
    """Return when, of what and on what machine the drill was played; nothing that names it."""
    program = postgres.find_programs("", None)
    server, runtime = redis.find_program(), java.find_java()
    took_min = (datetime.now(UTC) - began).total_seconds() / 60
    return {
        "date": f"{began:%Y-%m-%d %H:%M} UTC, {took_min:.0f} min",
        "commit": _git("rev-parse", "--short=12", "HEAD") + _dirt(),
        "machine": f"{_cpu()}, {psutil.cpu_count()} cores,"
        f" {psutil.virtual_memory().total / GIGABYTE:.0f} GB; all processes on the same cores;"
        f" load {psutil.getloadavg()[2]:.1f}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}",
        "servers": f"Postgres {postgres.version(program) if program else '–'},"
        f" Redis {'.'.join(map(str, redis.version(server))) if server else '–'},"
        f" Kafka {pinned_version()} on Java {java.version(runtime) if runtime else '–'}",
        "libraries": ", ".join(
            f"{name} {version(name)}" for name in ("celery", "confluent-kafka", "psycopg")
        ),
    }


def _fault_row(fault: Fault, outcomes: Sequence[Outcome]) -> list[str]:
    tried = [outcome for outcome in outcomes if not outcome.skipped]
    skipped = len(outcomes) - len(tried)
    if not outcomes:
        return []
    survived = f"{sum(one.survived for one in tried)} of {len(tried)}"
    worst = max((one.recovery_s for one in tried if one.recovery_s is not None), default=None)
    return [
        fault.number,
        fault.title,
        survived + (f", {skipped} skipped" if skipped else ""),
        *(str(sum(getattr(one, name) for one in tried)) for name in _SUMMED),
        _number(worst),
        " / ".join(_number(_mean(tried, name), 0) for name in _RATES),
    ]


_SUMMED = ("sent", "dead_letters", "lost", "repeated")
_RATES = ("before_per_s", "during_per_s", "after_per_s")


def _case_table(outcomes: Iterable[Outcome]) -> str:
    head = ("fault", "case", "", "sent", "lost", "repeated", "recovery [s]", "alerts/s", "")
    return _table(head, [_case_row(outcome) for outcome in outcomes])


def _case_row(one: Outcome) -> list[str]:
    if one.skipped:
        return [one.fault, one.case, f"skipped: {one.skipped}", *[""] * 6]
    return [
        *(one.fault, one.case, _verdict(one), str(one.sent), str(one.lost)),
        *(f"{one.repeated} of {one.messages}", _number(one.recovery_s), _load(one), one.note),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _verdict(outcome: Outcome) -> str:
    return "survived" if outcome.survived else "FAILED"


def _mean(outcomes: Iterable[Outcome], name: str) -> float | None:
    found = [rate for one in outcomes if (rate := getattr(one, name)) is not None]
    return sum(found) / len(found) if found else None


def _load(outcome: Outcome) -> str:
    return " / ".join(_number(getattr(outcome, name), 0) for name in _RATES)


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def _dirt() -> str:
    return " with changes" if _git("status", "--porcelain", "--untracked-files=no") else ""


def _cpu() -> str:
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        if text.startswith("model name"):
            return text.partition(":")[2].strip()
    return platform.processor() or platform.machine()
