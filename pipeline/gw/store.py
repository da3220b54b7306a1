"""Store a judged notice: its row, its maps, the states of its event, the steps that follow.

One transaction under a lock of the event: two listeners, a replay and a fetch by hand may bring
notices of one event at once, and each must see what the other stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config
from pipeline.gw import life, steps
from pipeline.gw.arrival import Arrival, Stored
from pipeline.gw.notices import RETRACTION, kind_of
from pipeline.gw.planning import end_plans
from pipeline.gw.scored import ScoredAlert
from pipeline.gw.standing import lock_event
from pipeline.gw.tables import OPEN_STEP_STATES, GwAlert, GwSkymap, GwStep

MARKED = "marked as {kind} by hand"


@dataclass(frozen=True)
class Judged:
    """A notice as it will be stored.

    Attributes
    ----------
    scored : ScoredAlert
        What it says and how it scores.
    map_columns, combined_columns : dict or None
        Rows of ``gw_skymaps`` for its map and for that combined with another mission's.
    schema_problems : str or None
        Where it departs from the published schema.
    """

    scored: ScoredAlert
    map_columns: dict[str, Any] | None = None
    combined_columns: dict[str, Any] | None = None
    schema_problems: str | None = None


def store(session: Session, judged: Judged, arrival: Arrival, rules: life.Rules) -> Stored:
    """Store a notice and want its steps; one that is stored already changes nothing.

    Parameters
    ----------
    session : Session
        Of an open transaction, which the caller commits.
    judged : Judged
        The notice.
    arrival : Arrival
        Where it came from, and when.
    rules : Rules
        What happens by itself.
    """
    notice = judged.scored.notice
    lock_event(session, notice.trigger_id)
    known = _rows(session, notice.trigger_id)
    if any(row.payload_sha256 == notice.sha256 for row in known):
        return Stored(f"{notice.trigger_id} {notice.alert_type}: known already")
    row = _insert(session, judged, arrival, rules, known)
    rows = [*known, row]
    _restate(session, rows)
    bells = _end_older_plans(session, row, known)
    bells += _want_steps(session, row, rows, judged.scored, rules)
    return Stored(_told(row, bells), bells)


def _rows(session: Session, trigger_id: str) -> list[GwAlert]:
    found = select(GwAlert).where(GwAlert.trigger_id == trigger_id)
    return list(session.scalars(found.order_by(GwAlert.reception_count)))


def _insert(
    session: Session,
    judged: Judged,
    arrival: Arrival,
    rules: life.Rules,
    known: Sequence[GwAlert],
) -> GwAlert:
    notice = judged.scored.notice
    threads = _threads(known, notice.alert_type)
    row = GwAlert(
        trigger_id=notice.trigger_id,
        reception_count=len(known) + 1 if not known else known[-1].reception_count + 1,
        thread_ts=threads[-1].thread_ts if threads else None,
        channel=threads[-1].channel if threads else None,
        payload_json=dict(notice.payload),
        alert_type=notice.alert_type,
        time_created=notice.time_created,
        payload_sha256=notice.sha256,
        kind=known[-1].kind if known else notice.kind,
        significant=notice.significant,
        is_silent=life.is_silent(notice.time_created, arrival.received_at, rules),
        event_time=notice.event_time,
        far_hz=notice.far_hz,
        skymap_id=_map_id(session, judged.map_columns),
        combined_skymap_id=_map_id(session, judged.combined_columns),
        skymap_error=None if notice.is_retraction else judged.scored.skymap_cause,
        schema_problems=judged.schema_problems,
        kafka_timestamp=arrival.kafka_timestamp,
        **_verdict(judged.scored),
        **arrival.columns(),
    )
    if row.kind != notice.kind:
        row.score, row.action, row.score_rule = 0, "NO", MARKED.format(kind=row.kind)
    session.add(row)
    session.flush()
    return row


def _threads(rows: Sequence[GwAlert], alert_type: str) -> list[GwAlert]:
    """Return the rows whose thread goes on with a notice of that type.

    An event marked as mock leaves the thread of real ones, but for its retraction: who reads there
    what was told before would not hear of it elsewhere.
    """
    told = [row for row in rows if row.thread_ts is not None]
    if all(row.kind == kind_of(row.trigger_id) for row in rows):
        return told
    of_mocks = [row for row in told if row.channel == config().gw.mock_channel]
    return of_mocks or (told if alert_type == RETRACTION else [])


def _verdict(scored: ScoredAlert) -> dict[str, Any]:
    score = scored.score
    return {
        "event_class": score.class_name,
        "class_probability": score.class_probability if score.class_name else None,
        "score": score.score,
        "score_rule": score.rule,
        "action": score.action,
        "suggestion": score.suggestion.advice,
        "area_50_deg2": scored.area_50_deg2,
        "area_90_deg2": scored.area_90_deg2,
        "distance_mpc": scored.distance_mpc,
        "distance_std_mpc": scored.distance_std_mpc,
        "distance_region_mpc": scored.distance_region_mpc,
    }


def _map_id(session: Session, columns: dict[str, Any] | None) -> int | None:
    """Return ``gw_skymaps.id`` of a map, stored when it is new."""
    if columns is None:
        return None
    session.execute(insert(GwSkymap).values(columns).on_conflict_do_nothing())
    return session.scalars(select(GwSkymap.id).filter_by(sha256=columns["sha256"])).one()


def _restate(session: Session, rows: Sequence[GwAlert]) -> None:
    """Give every row of the event its state; a retraction is as significant as what it retracts."""
    told = [life.Told(row.alert_type, row.time_created, row.payload_sha256) for row in rows]
    is_significant = any(
        row.significant for row, its in zip(rows, told, strict=True) if not its.is_retraction
    )
    for row, its, state in zip(rows, told, life.states(told), strict=True):
        row.state = state
        if its.is_retraction:
            row.significant = is_significant
    session.flush()


def _end_older_plans(session: Session, row: GwAlert, known: Sequence[GwAlert]) -> list[steps.Bell]:
    """End what is planned on older notices once another one counts, or none does any more."""
    ids = [each.id_gw for each in known if each.state != "current"]
    if not ids or row.state not in {"current", "retracted"}:
        return []
    if row.state == "current":
        return end_plans(session, ids, "superseded", f"superseded by N°{row.reception_count}")
    if row.alert_type == RETRACTION:
        return end_plans(session, ids, "cancelled", "the event was retracted")
    return []


def _want_steps(
    session: Session,
    row: GwAlert,
    rows: Sequence[GwAlert],
    scored: ScoredAlert,
    rules: life.Rules,
) -> list[steps.Bell]:
    plans_itself = row.kind == scored.notice.kind and scored.plans_itself(
        early_warning=rules.plans_early_warnings, mocks=rules.plans_mocks
    )
    wanted = life.wanted_steps(
        life.Situation(
            state=row.state,
            kind=row.kind,
            alert_type=row.alert_type,
            is_significant=row.significant,
            is_silent=row.is_silent,
            has_map=row.skymap_id is not None,
            shares_mocks=rules.shares_mocks,
            plans_itself=plans_itself,
            has_thread=_has_thread(session, rows, row.alert_type),
        )
    )
    if life.PLANS in wanted:
        session.execute(
            update(GwAlert).where(GwAlert.id_gw == row.id_gw).values(is_process_running=True)
        )
    return steps.want(session, [steps.Want(name, id_gw=row.id_gw) for name in wanted])


def _has_thread(session: Session, rows: Sequence[GwAlert], alert_type: str) -> bool:
    """Tell whether people are told of the event, or are about to be."""
    if _threads(rows, alert_type):
        return True
    opening = select(GwStep.id).where(
        GwStep.id_gw.in_([row.id_gw for row in rows]),
        GwStep.step == life.THREAD,
        GwStep.state.in_(OPEN_STEP_STATES),
    )
    return session.scalar(opening.limit(1)) is not None


def _told(row: GwAlert, bells: Sequence[steps.Bell]) -> str:
    named = ", ".join(bell.step for bell in bells) or "nothing"
    return (
        f"{row.trigger_id} N°{row.reception_count} {row.alert_type}: {row.kind}, {row.state}, "
        f"score {row.score} ({row.action}: {row.score_rule}); to be done: {named}"
    )
