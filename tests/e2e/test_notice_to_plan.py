"""Every sample notice from Kafka to Slack, OwnCloud and plans of gwemopt that can be observed.

It takes minutes and 1.7 GB of packages: ``make e2e``. Numbers are published ones, or of another
implementation (gwemopt run by itself, mocpy, ligo.skymap); every tile is judged by astropy.
"""

import itertools
import json
from collections import Counter
from datetime import timedelta

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time

from broker.db import transaction
from broker.sections.gw_plans import PlanGroupSettings
from pipeline.gw import steps
from pipeline.gw.plan_groups import Run, insert
from pipeline.gw.plan_night import stay_offline
from pipeline.gw.steps import Want
from pipeline.gw.tables import GwAlert
from pipeline.gw.telescopes import telescope
from tests import plans, samples
from tests.e2e import follow_up
from tests.gw_notices import NAMES, as_bytes, raw, sample
from tests.slack import GW, texts

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.plans,
    pytest.mark.samples,
    pytest.mark.slow,
    pytest.mark.xdist_group("gwemopt"),
]

IGWN = "igwn.gwalert"
VOEVENTS = {
    "swift_bat_type61": "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK",
    "swift_xrt_type67": "gcn.classic.voevent.SWIFT_XRT_POSITION",
    "swift_uvot_type81": "gcn.classic.voevent.SWIFT_UVOT_POS",
    "svom_eclairs": "gcn.notices.svom.voevent.eclairs",
}
EVENT, EARLY, TAKEN_BACK, UNKNOWN = "S241102br", "S250910b", "S241126dm", "S991231zz"
GROUPS = [
    {"telescopes": ["TCH", "TRE"], "max_tiles": [10, 10], "strategy": "tiling"},
    {"telescopes": ["TCA"], "max_tiles": [10], "strategy": "tiling"},
]
SCORED = {  # event, type: 50 and 90 % area [deg²], distance and its error [Mpc], score
    (EVENT, "PRELIMINARY"): (31.93, 165.29, 464.9, 92.9, 2),
    (EVENT, "INITIAL"): (10.70, 44.86, 354.3, 63.0, 2),
    (EVENT, "UPDATE"): (7.118, 28.366, 364.0, 53.8, 2),
    (EARLY, "EARLYWARNING"): (2454.1, 9571.3, 134.1, 45.3, 2),
    ("S241004ap", "PRELIMINARY"): (1107.87, 3613.16, None, None, 0),
}
TCA_SURE = {10080, 9935, 10221, 9934, 9786, 9785, 10079, 10222, 9632}
TCA_TIE = {10081, 10357}


def changed(name, **values):
    return as_bytes(sample(name) | values)


def notices():
    """Return what GCN sends: every sample, an event that is taken back, an end of no event."""
    yield from ((IGWN, raw(name)) for name in NAMES if name != "retraction")
    yield IGWN, changed("S241102br-preliminary", superevent_id=TAKEN_BACK)
    yield IGWN, raw("retraction")
    yield IGWN, changed("retraction", superevent_id=UNKNOWN)
    yield IGWN, raw("S241102br-update")  # once more: no second notice
    for name, topic in VOEVENTS.items():
        yield topic, (samples.folder() / f"gw/voevent/{name}.xml").read_bytes()


@pytest.fixture(scope="module")
def told(make_system, tmp_path_factory):
    """Follow-up once all is told, planned and shared."""
    plans.install()
    folder = tmp_path_factory.mktemp("follow-up")
    with make_system("plans") as system, follow_up.running(system, folder, GROUPS) as running:
        running.send(notices())
        arrived = "SELECT (SELECT count(*) FROM gw_alerts), (SELECT count(*) FROM grb_alerts)"
        running.wait_for(lambda: running.rows(arrived) == [(8, 4)], "notices")
        running.wait_for_steps()
        _plan_the_night_of_the_event(running)
        running.wait_for_steps()
        running.wait_for(lambda: any("LOGBOOK/" in name for name in running.cloud.files()), "log")
        yield running


def _plan_the_night_of_the_event(running):
    """Plan the 24 h after T0, whose plans are published: long over, so no dialog takes them."""
    [(id_gw, event_time)] = running.rows(
        "SELECT id_gw, event_time FROM gw_alerts"
        f" WHERE \"triggerId\" = '{EVENT}' AND alert_type = 'UPDATE'"
    )
    group = PlanGroupSettings(
        telescopes=("TCA", "TRE", "TCH"), max_tiles=(10,) * 3, strategy="tiling"
    )
    run = Run("manual", (group,), 30.0, event_time, event_time + timedelta(days=1), "Vera")
    with transaction() as session:
        groups, made = insert(session, session.get_one(GwAlert, id_gw), run)
        wanted = [Want("plan", id_gw, key=str(plan.id)) for plan in made]
        wanted += [Want("report", id_gw, key=str(group.id)) for group in groups]
        assert len(steps.want(session, wanted)) == 4


def test_every_notice_has_its_golden_numbers(told):
    rows = told.rows(
        'SELECT a."triggerId", a.alert_type, m.area_50_deg2, m.area_90_deg2, m.distance_mpc,'
        " m.distance_std_mpc, a.score FROM gw_alerts a JOIN gw_skymaps m ON m.id = a.skymap_id"
    )
    found = {row[:2]: row[2:] for row in rows if row[0] != TAKEN_BACK}

    assert set(found) == set(SCORED)
    for name, (small, large, mean, std, score) in SCORED.items():
        assert found[name][:2] == pytest.approx((small, large), rel=1e-3)
        assert found[name][4] == score
        if mean is None:
            assert found[name][2] is None
        else:
            assert found[name][2:4] == pytest.approx((mean, std), abs=0.5)


def test_notices_of_an_event_are_counted_and_the_newest_counts(told):
    rows = told.rows(
        f"SELECT reception_count, state FROM gw_alerts WHERE \"triggerId\" = '{EVENT}' ORDER BY 1"
    )

    assert rows == [(1, "superseded"), (2, "superseded"), (3, "current")]
    threads = told.rows(
        f"SELECT count(DISTINCT thread_ts) FROM gw_alerts WHERE \"triggerId\" = '{EVENT}'"
    )
    assert threads == [(1,)]


def test_slack_holds_each_thread_and_card_once(told):
    said = Counter(texts(told.slack, GW))
    entries = told.slack.workspace.messages.values()
    roots = [each["text"] for each in entries if "thread_ts" not in each]

    for event in (EVENT, EARLY, "S241004ap", TAKEN_BACK):
        assert sum(event in text for text in roots) == 1
    for number, kind in enumerate(("PRELIMINARY", "INITIAL", "UPDATE"), 1):
        cards = [n for text, n in said.items() if f"N°{number} - {kind} of {EVENT}" in text]
        assert cards == [1]
    assert not any(UNKNOWN in text for text in said)


def test_a_retraction_is_told_and_ends_all_plans(told):
    rows = told.rows(
        f"SELECT state FROM gw_alerts WHERE \"triggerId\" = '{UNKNOWN}'"
        f" UNION ALL SELECT state FROM gw_alerts WHERE \"triggerId\" = '{TAKEN_BACK}'"
        " AND alert_type = 'PRELIMINARY'"
    )
    open_plans = told.rows(
        'SELECT p.state FROM gw_plans p JOIN gw_alerts a USING (id_gw) WHERE a."triggerId" ='
        f" '{TAKEN_BACK}' AND p.state IN ('wanted', 'running')"
    )
    entries = told.slack.workspace.messages.values()
    marked = [each for each in entries if TAKEN_BACK in json.dumps(each)]

    assert rows == [("ignored",), ("retracted",)]
    assert open_plans == []
    assert len(marked) >= 3
    assert all("retract" in json.dumps(each).lower() for each in marked if each.get("blocks"))


def test_bursts_have_a_thread_in_order(told):
    swift = told.rows(
        "SELECT packet_type, ra, dec FROM grb_alerts WHERE \"triggerId\" = '1423875'"
        " AND thread_ts IS NOT NULL ORDER BY 1"
    )

    assert [row[0] for row in swift] == [61, 67, 81]
    assert swift[1][1:] == pytest.approx((74.75, -9.31), abs=0.01)
    assert any("GRB 251214" in text for text in texts(told.slack, GW))


def test_owncloud_has_the_tree_and_every_file_once(told):
    above = f"Candidates/GW/{EVENT}"
    names = {name.removeprefix(f"{above}/") for name in told.cloud.files() if EVENT in name}

    for number, kind in enumerate(("PRELIMINARY", "INITIAL", "UPDATE"), 1):
        stem = f"VOEVENTS/{EVENT}_{number}_{kind}"
        assert {f"{stem}.json", f"{stem}.multiorder.fits"} <= names
    assert any(name.startswith("LOGBOOK/") for name in names)
    [own] = [name for name in names if name.startswith("GWEMOPT/UPDATE_") and "ALL.txt" in name]
    own = own.removesuffix("ALL.txt")
    assert len(own) == len("GWEMOPT/UPDATE_/") + 32
    for group in ("TILING_TCH_TRE", "TILING_TCA", "TILING_TCA_TRE_TCH"):
        for name in group.split("_")[1:]:
            files = {f"{own}{group}/tiles_{name}.{each}" for each in ("txt", "csv", "ecsv")}
            assert files <= names
    assert any("/plots/" in name and name.endswith(".png") for name in names)
    assert not any(".part-" in name for name in told.cloud.files())
    assert told.cloud.files()[f"{above}/{own}ALL.txt"] == b"# No tiles to observe\n"
    assert {"GWEMOPT", "IMAGES", "KNC_IMAGES", "LOGBOOK", "VOEVENTS"} <= {
        name.removeprefix(f"{above}/") for name in told.cloud.folders()
    }


def plan(told, name, origin="manual"):
    """Return number, probability, area, share of the region and tiles of a plan of the update."""
    [found] = told.rows(
        "SELECT p.id, p.state, p.probability, p.area_deg2, p.covered_90_percent,"
        " p.surface_ratio_percent FROM gw_plans p JOIN gw_plan_groups g ON g.id = p.group_id"
        " JOIN gw_alerts a ON a.id_gw = p.id_gw WHERE p.telescope = %s AND g.origin = %s"
        " AND a.\"triggerId\" = 'S241102br' AND a.alert_type = 'UPDATE'",
        name,
        origin,
    )
    return found


def tiles(told, plan_id):
    return told.rows(
        "SELECT tile_id, ra_deg, dec_deg, start_at, airmass, probability FROM gw_plan_tiles"
        " WHERE plan_id = %s ORDER BY rank_id",
        plan_id,
    )


def test_tca_gets_the_published_plan(told):
    number, state, probability, area, covered, ratio = plan(told, "TCA")
    found = tiles(told, number)

    assert state == "done"
    assert {row[0] for row in found} - TCA_TIE == TCA_SURE
    assert found[0][1:3] == pytest.approx((345.1035, 41.7526), abs=1e-4)
    assert f"{found[0][3]:%Y-%m-%dT%H:%M:%S}" == "2024-11-02T17:26:37"
    assert found[0][4:] == pytest.approx((1.104, 0.249), abs=0.01)
    assert probability == pytest.approx(0.888, abs=0.003)
    assert (area, covered, ratio) == pytest.approx((35.1, 88.3, 127), abs=1.0)


def test_tre_gets_its_one_tile_and_tch_an_answer(told):
    number, _, probability, area, *_ = plan(told, "TRE")
    nothing, state, *_ = plan(told, "TCH")

    assert [row[0] for row in tiles(told, number)] == [1994]
    assert probability == pytest.approx(0.181, abs=0.002)
    assert area == pytest.approx(telescope("TRE").fov_deg ** 2, rel=0.01)
    assert (state, tiles(told, nothing)) == ("done", [])


def test_early_warnings_are_planned_too(told):
    rows = told.rows(
        "SELECT p.telescope, p.state FROM gw_plans p JOIN gw_alerts a USING (id_gw)"
        f" WHERE a.\"triggerId\" = '{EARLY}'"
    )

    assert sorted(rows) == [("TCA", "done"), ("TCH", "done"), ("TRE", "done")]


def test_every_tile_is_high_in_the_dark_and_far_from_the_moon(told):
    stay_offline()
    rows = told.rows(
        "SELECT p.telescope, t.ra_deg, t.dec_deg, t.start_at FROM gw_plan_tiles t"
        " JOIN gw_plans p ON p.id = t.plan_id WHERE p.state = 'done' ORDER BY 1"
    )

    assert len(rows) > 20
    for name, mine in itertools.groupby(rows, key=lambda row: row[0]):
        one, (_, ra, dec, start) = telescope(name), zip(*mine, strict=True)
        place = EarthLocation.from_geodetic(
            one.longitude_deg * u.deg, one.latitude_deg * u.deg, one.elevation_m * u.m
        )
        times = Time(list(start), scale="utc")
        frame = AltAz(obstime=times, location=place)
        targets = SkyCoord(ra * u.deg, dec * u.deg).transform_to(frame)
        moon = get_body("moon", times, place).transform_to(frame)
        lowest_deg = max(one.horizon_deg or 0, np.degrees(np.arcsin(1 / 2.5)))
        assert targets.alt.deg.min() >= lowest_deg - 0.2, name
        assert get_sun(times).transform_to(frame).alt.deg.max() <= -12 + 0.05, name
        assert targets.separation(moon).deg.min() >= (one.moon_min_deg or 20) - 0.7, name


def test_no_step_failed_and_nothing_was_buried(told):
    assert told.rows("SELECT step, last_error FROM gw_steps WHERE state = 'failed'") == []
    assert told.rows("SELECT reason FROM dead_letters") == []
    assert told.rows("SELECT DISTINCT is_process_running FROM gw_alerts") == [(False,)]
