"""Whatever is typed into a page's address is refused or not found; nothing breaks, nothing is run."""

from urllib.parse import quote

import pytest

from broker.db import cursor
from pipeline.simulate.scenario import make_ztf_packet
from tests.hostile_texts import HOSTILE

pytestmark = pytest.mark.integration

FIELDS = ("q", "survey", "class", "min_mag", "max_score", "after", "before", "page", "format")
PLACES = (
    "/objects/ztf/{}",
    "/objects/{}/ZTF26aaaaaaa",
    "/objects/ztf/ZTF26aaaaaaa/cutouts/{}.json",
    "/objects/ztf/ZTF26aaaaaaa/packets/{}",
    "/objects/ztf/ZTF26aaaaaaa/light_curve.{}",
    "/objects/ztf/ZTF26aaaaaaa?candid={}",
    "/topics/{}",
    "/schemas/{}",
    "/schemas/{}/sample",
    "/start?topic={}&credential={}",
    "/start?suffix={}",
    "/start?start={}",
    "/start?start=date&since={}",
    "/start/nightjar.ipynb?topic={}",
    "/gw/{}",
    "/gw/{}.json",
    "/gw/S230518h/maps/{}.fits",
    "/gw/S230518h/plans/1/{}",
    "/vo/scs?RA={}&DEC={}&SR={}",
    "/reminders?key={}",
    "/login?next={}",
    "/activate?email={}&activation_code={}",
)
ANSWERED = {200, 301, 302, 400, 404}


@pytest.fixture
def sky(store, session):
    store("ztf", make_ztf_packet(candid=5))
    yield
    with cursor(session) as cur:
        cur.execute("SELECT count(*) FROM alerts")
        assert cur.fetchone() == (1,)


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_the_search_takes_any_text(sky, anybody, field):
    answers = [anybody.get("/search", {"q": "ZTF26", field: text}) for text in HOSTILE]

    assert {answer.status_code for answer in answers} <= ANSWERED
    bodies = [b"" if answer.streaming else answer.content for answer in answers]
    assert not any(b"<script>alert(1)" in body for body in bodies)


@pytest.mark.parametrize("place", PLACES)
def test_a_part_of_an_address_takes_any_text(sky, anybody, place):
    answers = {text: anybody.get(place.replace("{}", quote(text, safe=""))) for text in HOSTILE}

    assert {
        text: a.status_code for text, a in answers.items() if a.status_code not in ANSWERED
    } == {}
    bodies = [b"" if answer.streaming else answer.content for answer in answers.values()]
    assert not any(b"<script>alert(1)" in body or b"root:x:" in body for body in bodies)
