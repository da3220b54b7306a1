"""What the GW pages show, made from rows: changes between notices, verdicts, links, JSON."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from broker.config import config
from pipeline.gw import share_paths
from pipeline.gw.notices import REAL, RETRACTION, Notice
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.query import Event
from pipeline.gw.score import Score, Thresholds, judge
from pipeline.gw.scored import facts_of, stored_notice
from pipeline.gw.tables import GwAlert


def judged(notice: GwAlert) -> Score | None:
    """Return the verdict on a notice by the limits in force; None once retracted.

    The score that counted when it came is in its row.
    """
    if notice.alert_type == RETRACTION:
        return None
    thresholds = Thresholds.of_settings(config().gw)
    by_region = thresholds.distance_for_score == "region"
    facts = facts_of(
        _notice(notice),
        notice.area_50_deg2,
        notice.area_90_deg2,
        notice.distance_region_mpc if by_region else notice.distance_mpc,
    )
    return judge(facts, thresholds)


def changes(notices: Sequence[GwAlert]) -> Iterator[tuple[GwAlert, list[str]]]:
    """Return each notice, the newest first, with what it changed from the one before."""
    pairs = zip(notices, [None, *notices[:-1]], strict=True)
    for notice, before in reversed(list(pairs)):
        yield notice, _changes(notice, before)


def _changes(notice: GwAlert, before: GwAlert | None) -> list[str]:
    if before is None or notice.alert_type == RETRACTION:
        return []
    found = [
        _change("90 % area", before.area_90_deg2, notice.area_90_deg2, "deg²"),
        _change("distance", before.distance_mpc, notice.distance_mpc, "Mpc"),
    ]
    if notice.event_class != before.event_class:
        found.append(f"class {before.event_class or 'none'} → {notice.event_class or 'none'}")
    if notice.score != before.score:
        found.append(f"score {before.score} → {notice.score}")
    return [text for text in found if text]


def _change(name: str, before: float | None, after: float | None, unit: str) -> str:
    if before is None and after is None:
        return ""
    if before is None or after is None:
        return f"{name} {'unknown' if before is None else f'{before:.4g} {unit}'} → " + (
            "unknown" if after is None else f"{after:.4g} {unit}"
        )
    if f"{before:.4g}" == f"{after:.4g}":
        return ""
    share = (after - before) / before if before else 0.0
    return f"{name} {before:.4g} → {after:.4g} {unit} ({share:+.0%})"


def classes(event: Event) -> list[tuple[str, float]]:
    """Return the classes of an event and their probabilities [%], the likeliest first."""
    shares = _notice(event.described).classification
    return sorted(((name, 100 * p) for name, p in shares.items() if p), key=lambda each: -each[1])


def links(event: Event) -> list[tuple[str, str]]:
    """Return the pages of others about an event: title and address."""
    newest, settings = event.newest, config()
    found = [("GraceDB", _notice(newest).gracedb_url)]
    if newest.kind == REAL:
        found.append(("SkyPortal", settings.gw.skyportal_url.replace("{id}", newest.trigger_id)))
    if any(notice.owncloud_url for notice in event.notices):
        folder = share_paths.event_folder(settings.owncloud.root, newest.trigger_id)
        found.append(("OwnCloud", share_paths.link(settings.owncloud.link_base, folder) or ""))
    return [(title, url) for title, url in found if url.startswith(("https://", "http://"))]


def _notice(row: GwAlert) -> Notice:
    """Return a stored notice as it was read when it came: what is odd in it is left out."""
    return stored_notice(row.payload_json, row.kind, significant=row.significant)


def as_json(event: Event) -> dict[str, Any]:
    """Return an event for programs; times in UTC, null where nothing is known."""
    return {
        "event": event.newest.trigger_id,
        "kind": event.newest.kind,
        "is_retracted": event.is_retracted,
        "notices": [_notice_json(notice) for notice in event.notices],
        "plans": [_plan_json(plan) for plans in event.plans.values() for plan in plans],
    }


def _notice_json(notice: GwAlert) -> dict[str, Any]:
    names = (
        "reception_count", "alert_type", "state", "significant", "far_hz", "event_class",
        "class_probability", "score", "score_rule", "action", "area_50_deg2", "area_90_deg2",
        "distance_mpc", "distance_std_mpc",
    )  # fmt: skip
    times = ("time_created", "event_time", "received_at")
    return {name: getattr(notice, name) for name in names} | {
        name: _iso(getattr(notice, name)) for name in times
    }


def _plan_json(plan: GwPlan) -> dict[str, Any]:
    names = (
        "id", "telescope", "strategy", "generation", "state", "reason", "tile_count",
        "probability", "area_deg2", "covered_90_percent",
    )  # fmt: skip
    times = ("first_start_at", "last_end_at")
    return {name: getattr(plan, name) for name in names} | {
        name: _iso(getattr(plan, name)) for name in times
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
