"""Telescopes that are marked out, and taken back."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from broker.config import config
from broker.sections.gw_plans import PlanGroupSettings
from pipeline.gw import outages
from pipeline.gw.telescopes import telescopes

pytestmark = pytest.mark.integration

MARK = "/gw/telescopes/outages"


def test_every_telescope_is_listed(visitor):
    page = visitor.get("/gw/telescopes").text

    assert all(
        f'<th scope="row">{each.name}<' in page or f'<th scope="row">{each.name} <' in page
        for each in telescopes()
    )
    assert "Mark one out" not in page


def test_those_that_are_planned_for_by_themselves_are_marked_and_counted(visitor):
    page = visitor.get("/gw/telescopes").text

    assert f"made for these {len(telescopes())}; without being asked they are made for 8" in page
    assert page.count(">by itself</span></th>") == 8
    assert '<th scope="row">COLIBRI <span class="badge">by itself</span></th>' in page


def test_settings_with_aliases_and_unknown_names_do_not_break_the_page(visitor, monkeypatch):
    group = PlanGroupSettings(
        telescopes=("NOSUCH", "Colibri"), max_tiles=(10, 10), strategy="tiling"
    )
    settings = config()
    mine = settings.gw.model_copy(update={"plan_groups": (group,)})
    monkeypatch.setattr(
        "pipeline.web.telescope_pages.config", lambda: settings.model_copy(update={"gw": mine})
    )

    page = visitor.get("/gw/telescopes").text

    assert "without being asked they are made for 1" in page
    assert '<th scope="row">COLIBRI <span class="badge">by itself</span></th>' in page


def test_a_visitor_marks_nothing(visitor, session):
    answer = visitor.post(MARK, {"telescope": "TCA", "reason": "mischief"})

    assert answer.status_code == 302
    assert "/admin/login" in answer["Location"]
    assert outages.current(session, datetime.now(UTC)) == {}


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"telescope": "TCA", "reason": ""}, "required"),
        ({"telescope": "NoSuch", "reason": "snow"}, "not one of the available"),
        ({"telescope": "TCA", "reason": "snow", "until": "2001-01-01T00:00"}, "between now and"),
        ({"telescope": "TCA", "reason": "snow", "until": "soon"}, "valid date"),
    ],
)
def test_a_form_that_makes_no_sense_says_why(shifter, session, form, fault):
    answer = shifter.post(MARK, form)

    assert answer.status_code == 400
    assert fault in answer.text
    assert outages.current(session, datetime.now(UTC)) == {}


def test_one_is_marked_until_the_noon_after_a_night_and_taken_back(shifter, session):
    assert shifter.post(MARK, {"telescope": "TCA", "reason": "snow"}).status_code == 302

    now = datetime.now(UTC)
    marked = outages.current(session, now)["TCA"]
    assert marked.reason == "snow"
    assert marked.reported_by == "sara"
    assert now < marked.until_at <= now + timedelta(hours=30)
    assert "snow" in shifter.get("/gw/telescopes").text

    shifter.post(f"{MARK}/{marked.id}/end")
    session.expire_all()
    assert outages.current(session, datetime.now(UTC)) == {}
    assert "had ended already" in shifter.post(f"{MARK}/{marked.id}/end", follow=True).text


def test_forms_from_elsewhere_are_refused(shifter):
    strict = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    strict.cookies = shifter.cookies

    assert strict.post(MARK, {"telescope": "TCA", "reason": "snow"}).status_code == 403
