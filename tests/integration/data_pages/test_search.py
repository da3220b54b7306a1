"""The search page: what the box understands, what filters find, what is refused."""

import io
import re

import pyarrow.parquet as pq
import pytest

from broker.refusals import too_many
from pipeline.catalogs.known import TNS
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from pipeline.web import search_pages
from tests.integration.api.world import load_rows

pytestmark = pytest.mark.integration

JD = 2461254.75
LSST_NAME = "170028496585752654"


@pytest.fixture
def sky(store):
    store(
        "ztf",
        make_ztf_packet(candid=2**53 + 1, magpsf=18.5),
        make_ztf_packet(candid=12, object_id="ZTF26bbbbbbb", ra=10.0, magpsf=20.0, jd=JD + 0.1),
        make_ztf_packet(candid=13, object_id="ZTF26ppppppp", ra=20.0, programid=2),
    )
    store("lsst", make_lsst_packet(diaSourceId=77, dec=30.0 + 1 / 3600))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ztf26AAAAAAA", "/objects/ztf/ZTF26aaaaaaa"),
        (LSST_NAME, f"/objects/lsst/{LSST_NAME}"),
        ("9007199254740993", "/objects/ztf/ZTF26aaaaaaa?candid=9007199254740993"),
        ("77", f"/objects/lsst/{LSST_NAME}?candid=77"),
        ("LSST-AP-DS-77", f"/objects/lsst/{LSST_NAME}?candid=77"),
    ],
)
def test_a_whole_name_or_number_leads_to_the_object(sky, anybody, text, address):
    response = anybody.get("/search", {"q": text})

    assert (response.status_code, response["Location"]) == (302, address)


@pytest.mark.parametrize("text", ["AT 2026abc", "at2026abc", "SN 2026ABC", "2026abc"])
def test_a_name_of_tns_is_looked_for_where_tns_has_it(sky, session, anybody, text):
    load_rows(session, TNS, [{"id": 1, "name": "2026abc", "ra": 150.0, "dec": 30.0}])

    page = anybody.get("/search", {"q": text})

    assert page.status_code == 200
    assert "ZTF26aaaaaaa</a>" in page.content.decode()
    assert LSST_NAME in page.content.decode()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("AT 2026abd", "has no 2026abd"),
        ("S230518h", "no notice of S230518h has come here"),
        ("ms260101A", "no notice of MS260101a has come here"),
        ("gw170817", "no notice of GW170817 has come here"),
    ],
)
def test_a_name_without_a_place_says_so(sky, session, anybody, text, answer):
    load_rows(session, TNS, [{"id": 1, "name": "2026abc", "ra": 150.0, "dec": 30.0}])

    page = anybody.get("/search", {"q": text})

    assert page.status_code == 400
    assert answer in page.content.decode()


def test_nobody_reads_the_whole_catalog_without_a_place(sky, anybody, monkeypatch):
    def full(_):
        raise too_many(1, "4 searches at once are running already")

    monkeypatch.setattr(search_pages, "heavy_search", full)
    monkeypatch.setattr(search_pages, "_place_of", pytest.fail)

    assert anybody.get("/search", {"q": "AT 2026abd"}).status_code == 429


def test_without_the_catalog_of_tns_its_names_say_so(sky, anybody):
    page = anybody.get("/search", {"q": "AT 2026abc"})

    assert page.status_code == 400
    assert "not loaded on this server" in page.content.decode()


@pytest.mark.parametrize("text", ["ZTF26ppppppp", "13"])
def test_what_is_private_leads_nowhere(sky, anybody, text):
    response = anybody.get("/search", {"q": text})

    assert response.status_code == 200
    assert "ZTF26ppppppp</a>" not in response.content.decode()


@pytest.mark.parametrize(
    "text",
    ["150 30", "150.0, +30.0", "10:00:00 +30:00:00", '10h00m00s 30d00m00s 5"', "150 30 0.1'"],
)
def test_a_position_finds_objects_of_both_surveys_nearest_first(sky, anybody, text):
    page = anybody.get("/search", {"q": text}).content.decode()

    assert "Objects around the position: 2" in page
    assert page.index("/objects/ztf/ZTF26aaaaaaa") < page.index(f"/objects/lsst/{LSST_NAME}")
    assert "1.00″" in page


def test_a_survey_may_be_chosen(sky, anybody):
    page = anybody.get("/search", {"q": "150 30", "survey": "lsst"}).content.decode()

    assert "Objects around the position: 1" in page
    assert "ZTF26aaaaaaa</a>" not in page


def test_the_other_survey_takes_no_place_of_the_one_chosen(sky, anybody, monkeypatch):
    monkeypatch.setattr(search_pages, "PAGE_SIZE", 1)

    page = anybody.get("/search", {"q": "150 30", "survey": "lsst"}).content.decode()

    assert f"{LSST_NAME}</a>" in page


def test_what_is_listed_may_be_saved(sky, anybody):
    cone = {"q": "150 30", "format": "csv"}

    objects = b"".join(anybody.get("/search", cone)).decode().splitlines()
    alerts = b"".join(anybody.get("/search", cone | {"max_mag": "19"})).decode().splitlines()
    table = pq.read_table(
        io.BytesIO(b"".join(anybody.get("/search", {"q": "150 30", "format": "parquet"})))
    )

    assert objects[0] == "objectId,survey,ra,dec,distance_arcsec"
    assert [line.split(",")[0] for line in objects[1:]] == ["ZTF26aaaaaaa", LSST_NAME]
    assert [line.split(",")[:3] for line in alerts[1:]] == [
        ["9007199254740993", "ztf", "ZTF26aaaaaaa"]
    ]
    assert table["objectId"].to_pylist() == ["ZTF26aaaaaaa", LSST_NAME]
    page = anybody.get("/search", {"q": "150 30"}).content.decode()
    assert 'href="?q=150+30&amp;format=csv"' in page


def test_a_part_of_a_name_lists_objects(sky, anybody):
    page = anybody.get("/search", {"q": "ZTF26"}).content.decode()

    assert "ZTF26aaaaaaa</a>" in page
    assert "ZTF26bbbbbbb</a>" in page
    assert "ZTF26ppppppp" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"after": "2026-08-02", "before": "2026-08-02T12:00"}, ["aaaaaaa", "bbbbbbb", "2654"]),
        ({"after": "61254.2", "before": "2461254.76"}, ["aaaaaaa", "2654"]),
        ({"after": "2026-08-02", "before": "2026-08-03", "min_mag": "19", "survey": "ztf"}, ["bbbbbbb"]),
        ({"q": "150 30", "max_mag": "19"}, ["aaaaaaa"]),
    ],
)  # fmt: skip
def test_filters_list_alerts(sky, anybody, query, found):
    page = anybody.get("/search", query).content.decode()

    shown = {name for name in ("aaaaaaa", "bbbbbbb", "2654", "ppppppp") if f"{name}</a>" in page}
    assert shown == set(found)


def test_the_pages_hold_every_alert_once(store, anybody, monkeypatch):
    monkeypatch.setattr(search_pages, "PAGE_SIZE", 3)
    # As candids of the two surveys interleave, and neither follows the times.
    for n in range(5):
        store("ztf", make_ztf_packet(candid=1000 + 10 * n, jd=JD - 0.01 * n))
        store("lsst", make_lsst_packet(diaSourceId=1005 + 10 * (4 - n)))
    query, seen, shown = "?q=150+30+10&max_mag=40", [], []

    while query:
        response = anybody.get(f"/search{query}")
        found = re.findall(r'href="[^"]*candid=(\d+)"', response.content.decode())
        seen += [int(candid) for candid in found]
        shown.append(len(found))
        query = response.context["next"]

    assert sorted(seen) == [1000 + 5 * n for n in range(10)]
    assert shown == [3, 3, 3, 1]


def test_the_last_page_that_may_be_asked_for_leads_to_no_other(store, anybody, monkeypatch):
    monkeypatch.setattr(search_pages, "PAGE_SIZE", 1)
    monkeypatch.setattr(search_pages, "MAX_PAGES", 2)
    store("ztf", *(make_ztf_packet(candid=n, jd=JD + 0.01 * n) for n in (1, 2, 3)))

    page = anybody.get("/search", {"q": "150 30", "max_mag": "40", "page": "2"})

    assert page.context["next"] is None
    assert "There are more" in page.content.decode()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"q": "what?"}, "this is no ZTF, LSST or TNS name"),
        ({"q": "150 30 700"}, "the radius must be in (0, 600]"),
        ({"q": "400 30"}, "right ascension must be in [0, 360)"),
        ({"q": "150.1 95"}, "declination must be in [-90, 90]"),
        ({"min_mag": "bright"}, "must be a number"),
        ({"after": "yesterday", "before": "2026-08-02"}, "must be a date (UTC), a JD or an MJD"),
        ({"min_mag": "19"}, "without a name or a position, give both times"),
        ({"after": "2026-08-02", "before": "2026-08-04"}, "at most a day"),
        ({"survey": "atlas"}, ""),
    ],
)
def test_what_cannot_be_understood_is_told_beside_its_field(anybody, query, words):
    response = anybody.get("/search", query)

    assert response.status_code == 400
    assert words in response.content.decode()


def test_what_was_typed_is_shown_as_text(anybody):
    page = anybody.get("/search", {"q": '"><script>alert(1)</script>'}).content.decode()

    assert "<script>alert" not in page


def test_the_same_question_as_code(sky, anybody):
    page = anybody.get("/search", {"q": "150 30 7", "max_mag": "19"}).content.decode()

    assert "api.get_alerts(&quot;ZTF&quot;, ra=150.0, dec=30.0, radius_arcsec=7.0" in page
    assert "/vo/scs" in page


@pytest.mark.parametrize("number", [2**63, 10**18 * 9 + 10**18 - 1])
def test_a_number_that_no_alert_can_have_is_not_looked_for(anybody, store, number):
    """Postgres would compare it as numeric, and read every alert."""
    page = anybody.get("/search", {"q": str(number)})

    assert page.status_code in {200, 400}
    assert anybody.get(f"/objects/ztf/ZTF18aaaaaaa/packets/{number}").status_code == 404
