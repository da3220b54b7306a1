"""An event with a map and a plan, and browsers of a visitor and of a shifter."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import hpgeom
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from sqlalchemy.orm import Session

from broker import limits
from pipeline.gw.plan_tables import GwPlan, GwPlanGroup, GwPlanTile
from pipeline.gw.tables import GwAlert, GwSkymap

T0 = datetime(2026, 11, 20, 20, tzinfo=UTC)
EVENT = "S261120ab"
HEAD = {
    "superevent_id": EVENT,
    "alert_type": "PRELIMINARY",
    "time_created": "2026-01-02T03:05:00Z",
    "event": {},
}
"""What no notice is without."""


@pytest.fixture(autouse=True)
def _no_limits(parts: object, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)


@pytest.fixture
def visitor() -> Client:
    """A browser of nobody in particular."""
    return Client(headers={"host": "localhost"})


@pytest.fixture
def shifter(db: None) -> Client:
    """A browser that a shifter is signed in with."""
    user = get_user_model().objects.create_user("sara", "sara@example.org", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name="shifter")[0])
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def notice(session: Session) -> Callable[..., GwAlert]:
    """Return a function that stores a notice."""
    count = 0

    def add(**values: Any) -> GwAlert:
        nonlocal count
        count += 1
        row = GwAlert(
            **{
                "trigger_id": EVENT,
                "reception_count": count,
                "payload_json": {
                    "event": {"classification": {"BNS": 0.9, "Terrestrial": 0.1}, "group": "CBC"},
                    "urls": {"gracedb": f"https://gracedb.ligo.org/superevents/{EVENT}/view/"},
                },
                "alert_type": "PRELIMINARY",
                "time_created": T0 + timedelta(minutes=count),
                "payload_sha256": f"{count:064x}",
                "kind": "real",
                "significant": True,
                "event_time": T0,
                "event_class": "BNS",
                "class_probability": 0.9,
                "score": 3,
                "score_rule": "BNS, near and small",
                "action": "GO",
                "area_50_deg2": 20.0,
                "area_90_deg2": 78.5,
                "distance_mpc": 40.0,
                "distance_std_mpc": 8.0,
            }
            | values
        )
        row.payload_json = HEAD | row.payload_json
        session.add(row)
        session.commit()
        return row

    return add


@pytest.fixture
def sky_map(session: Session) -> GwSkymap:
    """A round region of 5° around (120°, −40°)."""
    cells = hpgeom.query_circle(64, 120.0, -40.0, 5.0, nest=True).tolist()
    row = GwSkymap(
        sha256="0" * 64, fits=b"SIMPLE  = as it came", is_3d=True, row_count=len(cells),
        level_min=6, level_max=6, area_50_deg2=20.0, area_90_deg2=78.5, area_95_deg2=90.0,
        peak_ra_deg=120.0, peak_dec_deg=-40.0, distance_mpc=40.0, distance_std_mpc=8.0,
        moc_50={"6": cells[:20]}, moc_90={"6": cells}, moc_95={"6": cells},
    )  # fmt: skip
    session.add(row)
    session.commit()
    return row


@pytest.fixture
def plan(session: Session) -> Callable[..., GwPlan]:
    """Return a function that stores a plan of TCA with two tiles."""

    def add(of: GwAlert, **values: Any) -> GwPlan:
        group = GwPlanGroup(
            id_gw=of.id_gw, run=values.get("generation", 1), position=1, origin="auto", strategy="tiling",
            telescopes=["TCA"], max_tiles=[10], exposure_s=30.0, window_start=T0,
            window_end=T0 + timedelta(hours=24), state=values.get("state", "done"),
        )  # fmt: skip
        session.add(group)
        session.flush()
        row = GwPlan(
            **{
                "id_gw": of.id_gw,
                "group_id": group.id,
                "telescope": "TCA",
                "strategy": "tiling",
                "max_tiles": 10,
                "state": "done",
                "tile_count": 2,
                "probability": 0.5,
                "covered_90_percent": 61.0,
                "first_start_at": T0,
                "last_end_at": T0 + timedelta(hours=1),
            }
            | values
        )
        session.add(row)
        session.flush()
        session.add_all(
            GwPlanTile(
                plan_id=row.id, rank_id=rank, tile_id=100 + rank, ra_deg=119.0 + rank,
                dec_deg=-40.0, probability=0.25, cumulative_probability=0.25 * rank,
                start_at=T0 + timedelta(minutes=rank), end_at=T0 + timedelta(minutes=rank + 1),
                exposure_s=30.0, airmass=1.2,
            )
            for rank in (1, 2)
        )  # fmt: skip
        session.commit()
        return row

    return add
