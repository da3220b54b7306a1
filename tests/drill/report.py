"""What a drill found, as a table for people and as plain values for programs."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from tests.drill.record import Outcome


def line(outcome: Outcome) -> str:
    """Return one case in one line, for whom waits."""
    name = f"{outcome.fault:<4} {outcome.case:<34}"
    if outcome.skipped:
        return f"{name} skipped: {outcome.skipped}"
    verdict = "survived" if outcome.survived else "FAILED"
    counts = (
        f"{outcome.sent} sent, lost {outcome.lost}, repeated {outcome.repeated} of"
        f" {outcome.messages}, recovered in {_number(outcome.recovery_s)} s; alerts/s {_load(outcome)}"
    )
    said = "".join(f"; {note}" for note in [outcome.note] if note)
    return f"{name} {verdict}: {counts}{said}" + (f"\n{outcome.error}" if outcome.error else "")


def as_json(outcomes: Iterable[Outcome], about: Mapping[str, str]) -> dict[str, Any]:
    """Return everything as plain values."""
    return {"about": dict(about), "cases": [asdict(outcome) for outcome in outcomes]}


def _load(outcome: Outcome) -> str:
    rates = (outcome.before_per_s, outcome.during_per_s, outcome.after_per_s)
    return " / ".join(_number(rate, 0) for rate in rates)


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
