"""The admin's pages on rows that SQLAlchemy wrote."""

import re

import numpy as np
import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from sqlalchemy import text

from broker import admin as broker_admin
from broker.mirror import Mirror
from pipeline.alerts.batch import DETECTION, FORCED, LIMIT
from tests.factories import (
    JD_UTC,
    make_alert,
    make_dead_letter,
    make_light_curve,
    make_object,
    make_segment,
)

pytestmark = pytest.mark.integration

MIRRORS = [
    model._meta.model_name
    for model in apps.get_app_config("pipeline").get_models()
    if issubclass(model, Mirror) and model.__name__ != "LightCurve"
]


@pytest.fixture
def segment(session):
    return make_segment(session)


@pytest.fixture
def pair(session):
    """A ZTF object and the LSST object that it was matched with."""
    lsst = make_object(session, survey="lsst", object_id="313853499557707809")
    ztf = make_object(session, survey_match_id=lsst.id, survey_match_arcsec=0.42)
    session.flush()
    return ztf, lsst


@pytest.fixture
def alert(session, source, segment, pair):
    return make_alert(session, source, segment, object_id=pair[0].id, survey_match_id=pair[1].id)


def page(staff, name, key=None, **query):
    tail = "" if key is None else f"{key}/change/"
    answer = staff.get(f"/admin/pipeline/{name}/{tail}", query)
    assert answer.status_code == 200, answer.headers
    return answer.content.decode()


def candids(html):
    return re.findall(r'field-candid">(?:<a[^>]*>)?(\d+)', html)


@pytest.mark.parametrize("name", MIRRORS)
def test_every_list_opens_on_an_empty_table(staff, session, name):
    assert "0 " in page(staff, name)


def test_the_list_of_alerts_shows_what_became_of_each(staff, alert):
    html = page(staff, "alert")

    assert "2024-11-21 06:00:00" in html
    assert "19.25" in html
    assert 'class="field-outcome">published<' in html


def test_an_alert_links_to_its_object_and_to_the_other_surveys(staff, alert, pair):
    html = page(staff, "alert", alert.id)

    assert f'<a href="/admin/pipeline/skyobject/{pair[0].id}/change/">ZTF24aaaaaaa</a>' in html
    assert f"/admin/pipeline/skyobject/{pair[1].id}/change/" in html
    assert "LSST 313853499557707809" in html


def test_an_alert_shows_its_coordinates_and_archive_position(staff, alert):
    html = page(staff, "alert", alert.id)

    assert "ztf_20241121_programid1 / 3 / 42" in html
    assert "bytes 1000 to 1500" in html
    assert "ztf/20241120/worker-1-77-1.seg" in html


def test_an_alert_shows_flags_in_words_and_its_records(staff, alert):
    html = page(staff, "alert", alert.id)

    assert "<td>yes</td><td>yes</td><td>no</td><td>no</td><td>no</td>" in html
    assert "<td>babamul.ztf.no-lsst-match.hosted</td><td>published</td>" in html
    assert "<td>magpsf</td>" in html


def test_an_alert_without_object_and_records_opens(staff, session, source, segment):
    row = make_alert(
        session, source, segment, gate_reason="no_object_id", outputs=0, candidate=None,
        properties=None, magpsf_abmag=None, output_topic=None,
    )  # fmt: skip

    assert "no_object_id" in page(staff, "alert", row.id)
    assert "stopped: no_object_id" in page(staff, "alert")


@pytest.mark.parametrize("term", ["2500000000000000001", "ZTF24aaaaaaa"])
def test_an_alert_is_found_by_candid_and_by_object(staff, session, source, segment, alert, term):
    make_alert(session, source, segment, candid=5, source_offset=43)

    assert candids(page(staff, "alert", q=term)) == [str(alert.candid)]


def test_an_unknown_name_finds_nothing(staff, alert):
    assert candids(page(staff, "alert", q="99999999999999999999999")) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"outcome": "published"}, ["1"]),
        ({"outcome": "waiting"}, ["2"]),
        ({"outcome": "rock"}, ["3"]),
        ({"alert_class__exact": "stellar"}, ["2"]),
        ({"survey__exact": "lsst"}, []),
        ({"night": "2024-11-20"}, ["3", "2", "1"]),
        ({"night": "2024-11-19"}, []),
    ],
    ids=str,
)
def test_filters_keep_what_they_name(staff, session, source, segment, query, found):
    make_alert(session, source, segment, candid=1, source_offset=1)
    make_alert(
        session, source, segment, candid=2, source_offset=2, pending=1, published_at=None,
        alert_class="stellar",
    )  # fmt: skip
    make_alert(
        session, source, segment, candid=3, source_offset=3, outputs=0, gate_reason="rock",
        published_at=None,
    )  # fmt: skip

    assert candids(page(staff, "alert", **query)) == found


def test_an_object_shows_match_alerts_and_light_curve(staff, session, pair, alert):
    detections = np.array([(JD_UTC, 3e10, 1e9, 2, 150.1, -2.2)] * 2, DETECTION)
    make_light_curve(session, pair[0], 0, detections)
    make_light_curve(session, pair[0], 1, np.array([(JD_UTC - 3, 1e9, 2)], LIMIT))
    make_light_curve(session, pair[0], 2, np.array([(JD_UTC - 1, 0, 0.0, 1e9, 0)], FORCED))

    html = page(staff, "skyobject", pair[0].id)

    assert "0.42 arcsec" in html
    assert f'<a href="/admin/pipeline/alert/{alert.id}/change/">{alert.candid}</a>' in html
    assert "<svg" in html
    assert html.count("<td>detection</td>") == 2
    assert html.count("<td>limit</td>") == html.count("<td>forced</td>") == 1


def test_an_object_without_points_says_so(staff, pair):
    assert "no public points" in page(staff, "skyobject", pair[1].id)


def test_an_object_is_found_by_its_name_only(staff, pair):
    assert "ZTF24aaaaaaa" not in page(staff, "skyobject", q="313853499557707809")
    assert "313853499557707809</a>" in page(staff, "skyobject", q="313853499557707809")


def test_a_dead_letter_shows_where_and_why(staff, session, source, segment):
    letter = make_dead_letter(
        session, source, archive_segment_id=segment.id, archive_start=7, archive_length=3
    )

    html = page(staff, "deadletter", letter.id)

    assert "ztf_20241121_programid1 / 3 / 43" in html
    assert "jd is NaN" in html
    assert "ValueError: &lt;jd&gt;" in html
    assert "bytes 7 to 10" in html
    assert "000102030405" in html


def test_an_interval_of_expired_offsets_is_found_by_any_of_them(staff, session, source):
    make_dead_letter(
        session, source, source_offset=100, last_offset=200, reason="expired_offsets", sha256=None,
        traceback=None,
    )  # fmt: skip

    assert "/ 3 / 100 to 200" in page(staff, "deadletter", q="150")
    assert "/ 3 / 100 to 200" not in page(staff, "deadletter", q="201")


@pytest.mark.parametrize(
    ("query", "count"), [({"reason": "bad_value"}, 1), ({"state": "ignored"}, 0)]
)
def test_dead_letters_are_filtered_by_reason_and_state(staff, session, source, query, count):
    make_dead_letter(session, source)

    html = page(staff, "deadletter", **{f"{name}__exact": word for name, word in query.items()})

    assert html.count("jd is NaN") == count


@pytest.mark.parametrize("name", sorted({*MIRRORS} - {"gwtelescopeoutage"}))
def test_nobody_adds_changes_or_deletes(staff, session, name):
    assert staff.get(f"/admin/pipeline/{name}/add/").status_code == 403
    assert staff.post(f"/admin/pipeline/{name}/add/", {}).status_code == 403
    assert "delete_selected" not in page(staff, name)


def test_a_change_that_is_posted_is_refused(staff, alert):
    answer = staff.post(f"/admin/pipeline/alert/{alert.id}/change/", {"band": "g"})

    assert answer.status_code == 403


def test_staff_without_the_permission_see_nothing(session, alert):
    browser = Client(headers={"host": "localhost"})
    user = User.objects.create(username="shifter", is_staff=True)
    browser.force_login(user)

    assert browser.get("/admin/pipeline/alert/").status_code == 403

    user.user_permissions.add(Permission.objects.get(codename="view_alert"))
    assert browser.get("/admin/pipeline/alert/").status_code == 200


def test_strangers_are_sent_to_the_login(session):
    answer = Client(headers={"host": "localhost"}).get("/admin/pipeline/alert/")

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


def test_a_list_counts_no_more_rows_than_its_pages_reach(staff, alert):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        page(staff, "alert")

    counts = [each["sql"] for each in captured if "COUNT(" in each["sql"]]
    assert len(counts) == 1
    assert f"LIMIT {broker_admin.PAGED_ROWS}" in counts[0]


def test_a_list_reads_the_objects_with_its_rows(staff, session, source, segment, pair):
    for offset in range(20):
        make_alert(
            session, source, segment, candid=offset, source_offset=offset, object_id=pair[0].id
        )
    with CaptureQueriesContext(connection) as captured:
        page(staff, "alert")

    assert len(captured) < 20


def test_a_large_table_says_about_how_large(staff, session, alert, monkeypatch):
    monkeypatch.setattr(broker_admin, "estimated_rows", lambda _table: 5_200_000)

    assert "Alerts: about 5,200,000, of which pages reach the newest 10,000" in page(staff, "alert")


def test_a_search_that_takes_too_long_is_given_up_with_a_word(staff, alert, monkeypatch):
    monkeypatch.setattr(broker_admin, "LIST_TIMEOUT_MS", 20)
    monkeypatch.setattr(
        "pipeline.admin.alerts.AlertAdmin.find",
        lambda _self, rows, _term: rows.extra(where=["pg_sleep(1) IS NOT NULL"]),
    )

    answer = staff.get("/admin/pipeline/alert/", {"q": "x"}, follow=True)

    assert answer.redirect_chain == [("/admin/pipeline/alert/", 302)]
    assert "That search would read too many rows" in answer.content.decode()


def test_estimates_are_postgres_own(session):
    session.execute(text("ANALYZE alerts"))

    assert broker_admin.estimated_rows("alerts") == 0
    assert broker_admin.estimated_rows("no_such_table") is None
