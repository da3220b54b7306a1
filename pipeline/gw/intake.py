"""What the stream ``igwn`` does with one message: read, measure, score, store."""

import hashlib
from typing import Any

import structlog
from sqlalchemy.orm import Session

from broker.config import config
from pipeline.alerts.skymap_files import SkyMapError
from pipeline.gw import notice_schema, store
from pipeline.gw.arrival import Arrival, Intake, Stored
from pipeline.gw.life import Rules
from pipeline.gw.score import Thresholds
from pipeline.gw.scored import score_notice
from pipeline.gw.skymap import SkyMap

HOUR_S = 3600.0

log = structlog.get_logger(__name__)


def judge(raw: bytes, _topic: str = "") -> store.Judged:
    """Read and score a notice, and measure its maps; nothing is stored.

    One that departs from the published schema is taken all the same, with a warning.

    Raises
    ------
    BadNotice
        If it cannot be used; a bad sky map is no reason.
    """
    scored = score_notice(raw, Thresholds.of_settings(config().gw))
    notice = scored.notice
    mapped = None
    if scored.sky_map is not None and notice.skymap_fits is not None:
        mapped = map_columns(scored.sky_map, notice.skymap_fits)
    departs = notice_schema.problems(raw)
    if departs is not None:
        log.warning("notice.off_schema", trigger_id=notice.trigger_id, problems=departs)
    return store.Judged(scored, mapped, _combined(notice.combined_skymap_fits), departs)


def map_columns(sky_map: SkyMap, fits: bytes) -> dict[str, Any]:
    """Return the row of ``gw_skymaps`` for a map and the file that it was read from."""
    ra_deg, dec_deg = sky_map.peak
    region = sky_map.region_distance
    return {
        "sha256": hashlib.sha256(fits).hexdigest(),
        "fits": fits,
        "is_3d": sky_map.distmu_mpc is not None,
        "row_count": len(sky_map.order),
        "level_min": int(sky_map.order.min()),
        "level_max": int(sky_map.order.max()),
        **{f"area_{at}_deg2": sky_map.area_deg2(at / 100) for at in (50, 90, 95)},
        "peak_ra_deg": ra_deg,
        "peak_dec_deg": dec_deg,
        "distance_mpc": sky_map.distance_mpc,
        "distance_std_mpc": sky_map.distance_std_mpc,
        "distance_region_mpc": region.mean_mpc if region else None,
        "distance_region_std_mpc": region.std_mpc if region else None,
        **{f"moc_{at}": sky_map.region_moc(at / 100) for at in (50, 90, 95)},
    }


def _combined(fits: bytes | None) -> dict[str, Any] | None:
    """Return the row of a combined map; one that cannot be read is left out, the GW map scores."""
    if fits is None:
        return None
    try:
        return map_columns(SkyMap.from_fits(fits), fits)
    except SkyMapError:
        return None


def _store(session: Session, judged: store.Judged, arrival: Arrival) -> Stored:
    gw, owncloud = config().gw, config().owncloud
    rules = Rules(
        max_age_s=gw.max_notice_age_h * HOUR_S,
        plans_early_warnings=gw.plan_early_warning,
        plans_mocks=gw.plan_mocks,
        shares_mocks=owncloud.mocks,
    )
    return store.store(session, judged, arrival, rules)


IGWN = Intake(judge, _store, modules=("mocpy", "jsonschema"))
