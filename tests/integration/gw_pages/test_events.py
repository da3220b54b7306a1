"""The list of events and the page of one."""

from xml.etree import ElementTree as ET

import pytest

from pipeline.gw.action_tables import GwDecision
from tests.integration.gw_pages.conftest import EVENT

pytestmark = pytest.mark.integration


def test_an_empty_list_says_where_to_look(visitor):
    assert "No event has been heard of yet" in visitor.get("/gw").text
    assert "No mock has come yet" in visitor.get("/gw?kind=mock").text


@pytest.mark.parametrize(
    "address",
    ["/gw/S1", "/gw/S1.json", "/gw/S1/plans/1", "/gw/S1/plans/1/x.png", "/gw/S1/maps/1.fits",
     "/gw/S1/maps/1/90.json", "/gw?page=0", "/gw?page=x"],
)  # fmt: skip
def test_what_is_not_there_is_not_found(visitor, address):
    assert visitor.get(address).status_code == 404


def test_an_event_is_listed_once_with_its_newest_notice(visitor, notice):
    notice()
    notice(alert_type="INITIAL", area_90_deg2=44.0)

    page = visitor.get("/gw").text

    assert page.count(f'href="/gw/{EVENT}"') == 1
    assert "INITIAL" in page
    assert "44.0" in page


def test_mocks_stand_apart(visitor, notice):
    notice(trigger_id="MS261120a", kind="mock")

    assert "MS261120a" not in visitor.get("/gw").text
    assert "MS261120a" in visitor.get("/gw?kind=mock").text


def test_a_mock_tells_what_it_would_be_if_it_were_real(visitor, notice):
    notice(trigger_id="MS261120a", kind="mock", score=0, score_rule="no real event: a mock",
           action="NO")  # fmt: skip

    page = " ".join(visitor.get("/gw/MS261120a").text.split())

    assert "0 NO; 3 GO if it were real" in page
    assert "If it were real: <strong>3 (GO)</strong>, BNS, near and small" in page
    assert "suggestion, if it were real: <strong>FOLLOW UP</strong>" in page


def test_a_real_event_says_nothing_of_what_if(visitor, notice):
    notice()

    assert "if it were real" not in visitor.get(f"/gw/{EVENT}").text


def test_a_retraction_of_the_unknown_is_no_event(visitor, notice):
    notice(state="ignored", alert_type="RETRACTION")

    assert "No event has been heard of yet" in visitor.get("/gw").text
    assert visitor.get(f"/gw/{EVENT}").status_code == 404


def test_an_event_without_a_map_says_why(visitor, notice):
    notice(skymap_error="it is no FITS file", area_90_deg2=None)

    page = visitor.get(f"/gw/{EVENT}").text

    assert "No sky map: it is no FITS file" in page
    assert "BNS, near and small" in page


def test_a_notice_that_departs_from_the_published_schema_says_where(visitor, notice):
    notice(schema_problems="event.far: not of type 'number'")

    page = visitor.get(f"/gw/{EVENT}").text

    assert "not as published" in page
    assert "event.far: not of type &#x27;number&#x27;" in page


def test_notices_are_told_with_what_changed(visitor, notice):
    notice()
    notice(alert_type="UPDATE", area_90_deg2=39.25, event_class="NSBH", score=2)

    page = visitor.get(f"/gw/{EVENT}").text

    assert "90 % area 78.5 → 39.25 deg² (-50%)" in page
    assert "class BNS → NSBH" in page
    assert "score 3 → 2" in page


def test_a_retracted_event_says_so_above_all(visitor, notice):
    notice(state="retracted")
    notice(alert_type="RETRACTION", score=0, action="NO", event_time=None, payload_json={})

    page = visitor.get(f"/gw/{EVENT}").text

    assert "This event was taken back" in page


def test_map_and_region_can_be_taken_away(visitor, notice, sky_map):
    notice(skymap_id=sky_map.id)

    assert visitor.get(f"/gw/{EVENT}/maps/1.fits").content == b"SIMPLE  = as it came"
    assert visitor.get(f"/gw/{EVENT}/maps/1/90.json").json() == sky_map.moc_90
    assert visitor.get(f"/gw/{EVENT}/maps/1/42.json").status_code == 404


def test_tiles_of_the_current_plan_stand_on_the_map(visitor, notice, sky_map, plan):
    row = notice(skymap_id=sky_map.id)
    plan(row, state="superseded")
    plan(row, generation=2)

    page = visitor.get(f"/gw/{EVENT}").text

    assert page.count("TCA 1: 2026-11-20 20:01:00 UTC, probability 0.2500") == 2  # on both maps
    assert "superseded" in page


@pytest.mark.parametrize(
    ("newer", "state"), [("UPDATE", "superseded"), ("RETRACTION", "retracted")]
)
def test_plans_of_a_notice_that_counts_no_more_are_not_on_the_map(
    visitor, notice, sky_map, plan, session, newer, state
):
    row = notice(skymap_id=sky_map.id)
    plan(row)
    row.state = state
    newer_state = "retracted" if newer == "RETRACTION" else "current"
    notice(alert_type=newer, state=newer_state, event_class="Terrestrial", score=0)

    page = visitor.get(f"/gw/{EVENT}").text

    assert page.count("<svg xmlns") == 2
    assert "TCA 1: " not in page
    assert "tiles of the plans that count" not in page


def test_while_plans_are_made_the_page_asks_again(visitor, notice, plan):
    row = notice()
    assert "hx-trigger" not in visitor.get(f"/gw/{EVENT}").text
    plan(row, state="running", tile_count=None, probability=None)

    assert 'hx-trigger="every 5s"' in visitor.get(f"/gw/{EVENT}").text
    part = visitor.get(f"/gw/{EVENT}?part=plans").text
    assert "<html" not in part
    assert "running" in part
    assert 'hx-swap="outerHTML"' in part  # so that the last answer ends the asking


def test_a_page_opened_before_the_groups_stand_asks_too(visitor, notice):
    notice(is_process_running=True)

    assert 'hx-trigger="every 5s"' in visitor.get(f"/gw/{EVENT}").text


def test_who_decided_is_for_shifters_only(visitor, shifter, notice, session):
    row = notice()
    session.add(
        GwDecision(id_gw=row.id_gw, trigger_id=EVENT, decision="follow_up", decided_by="Sara S.")
    )
    session.commit()

    assert "Sara S." not in visitor.get(f"/gw/{EVENT}").text
    assert "Sara S. decided" in shifter.get(f"/gw/{EVENT}").text


def test_programs_get_the_same(visitor, notice, plan):
    row = notice(far_hz=1e-9, distance_mpc=None)
    plan(row)

    answer = visitor.get(f"/gw/{EVENT}.json").json()

    assert answer["notices"][0]["far_hz"] == 1e-9
    assert answer["notices"][0]["distance_mpc"] is None
    assert answer["notices"][0]["event_time"] == "2026-11-20T20:00:00.000000Z"
    assert answer["plans"][0]["telescope"] == "TCA"


def test_names_from_outside_are_only_text(visitor, notice):
    event = {"classification": {"<script>": 0.9}}
    notice(payload_json={"event": event, "urls": {"gracedb": "javascript:alert(1)"}})

    page = visitor.get(f"/gw/{EVENT}").text

    assert "<script>" not in page.replace('<script src="', "")
    assert "javascript:" not in page


@pytest.mark.parametrize("classification", [{"BBH": "0.9", "BNS": 0.2}, ["BBH"], "BBH", None])
@pytest.mark.parametrize("urls", ["https://example.org", [], {"gracedb": 7}])
def test_what_a_notice_says_oddly_is_left_out(visitor, notice, classification, urls):
    notice(payload_json={"event": {"classification": classification}, "urls": urls})

    answer = visitor.get(f"/gw/{EVENT}")

    assert answer.status_code == 200
    assert f"https://gracedb.ligo.org/superevents/{EVENT}/view/" in answer.text
    assert "BBH" not in answer.text


def test_a_map_whose_region_has_no_cell_is_not_drawn(visitor, notice, sky_map, session):
    sky_map.moc_50 = sky_map.moc_90 = {"0": []}
    notice(skymap_id=sky_map.id)

    answer = visitor.get(f"/gw/{EVENT}")

    assert answer.status_code == 200
    assert "<svg xmlns" not in answer.text


def test_the_maps_are_well_formed(visitor, notice, sky_map):
    notice(skymap_id=sky_map.id)
    page = visitor.get(f"/gw/{EVENT}").text

    pictures = [part.partition("</svg>")[0] for part in page.split("<svg xmlns")[1:]]

    assert len(pictures) == 2
    for picture in pictures:
        ET.fromstring(f"<svg xmlns{picture}</svg>")


@pytest.mark.parametrize("text", [EVENT, EVENT.lower(), EVENT.upper(), f" {EVENT} "])
def test_the_search_leads_to_the_event_of_that_name(visitor, notice, text):
    notice()

    found = visitor.get("/search", {"q": text})

    assert (found.status_code, found["Location"]) == (302, f"/gw/{EVENT}")
