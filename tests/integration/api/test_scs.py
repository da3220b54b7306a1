"""The Simple Cone Search, read by the Virtual Observatory's own client."""

import io
import threading
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import sqlalchemy.exc
from astropy.io.votable import parse, validate

from broker.refusals import BUSY
from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
from pipeline.web.api import scs

pytestmark = pytest.mark.integration


def answer(client, **query):
    response = client.get("/vo/scs", query, headers={"host": "localhost"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/x-votable+xml")
    return response.content


def rows(content):
    return parse(io.BytesIO(content)).get_first_table().to_table()


def test_a_cone_holds_the_objects_of_both_surveys(store, client):
    store("ztf", make_ztf_packet(candid=8))
    store("lsst", make_lsst_packet(diaSourceId=7, dec=30.0 + 1 / 3600))

    found = rows(answer(client, RA=150, DEC=30, SR=0.001))
    assert list(found["object_id"]) == ["ZTF26aaaaaaa", "170028496585752654"]
    assert list(found["survey"]) == ["ZTF", "LSST"]
    assert found["distance"][1] == pytest.approx(1 / 3600, rel=1e-6)


def test_the_columns_bear_the_standards_marks(store, client):
    document = parse(io.BytesIO(answer(client, RA=150, DEC=30, SR=0)))
    table = document.get_first_table()

    marks = [(field.ucd, field.datatype) for field in table.fields]
    assert marks[:3] == [
        ("ID_MAIN", "char"), ("POS_EQ_RA_MAIN", "double"), ("POS_EQ_DEC_MAIN", "double"),
    ]  # fmt: skip
    assert len(table.array) == 0
    content = answer(client, RA=150, DEC=30, SR=0)
    report = io.StringIO()
    assert validate(io.BytesIO(content), output=report, xmllint=False), report.getvalue()


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({}, "RA is needed"),
        ({"RA": "x", "DEC": 1, "SR": 1}, "RA is no number"),
        ({"RA": 361, "DEC": 1, "SR": 0.1}, "RA must be in"),
        ({"RA": "nan", "DEC": 1, "SR": 0.1}, "no finite number"),
        ({"RA": 1, "DEC": -91, "SR": 0.1}, "DEC must be in"),
        ({"RA": 1, "DEC": 1, "SR": 1}, "SR must be in"),
        ({"RA": 1, "DEC": 1, "SR": 0.1, "VERB": 4}, "VERB"),
    ],
)
def test_a_wrong_question_is_answered_by_a_votable(db, client, query, word):
    document = parse(io.BytesIO(answer(client, **query)))

    (info,) = document.resources[0].infos
    assert info.name == "Error"
    assert word in info.value


def test_pyvo_finds_what_rest_finds(store, client, api):
    import pyvo

    store("ztf", make_ztf_packet(candid=8), make_ztf_packet(candid=9, object_id="ZTF26b", ra=151))
    contents = answer(client, RA=150, DEC=30, SR=0.1)

    with served(contents) as address:
        found = pyvo.conesearch(address, (150.0, 30.0), 0.1)
    asked = api.get("/babamul/objects", {"ra": 150, "dec": 30, "radius": 360})
    assert [row.id for row in found] == [row["objectId"] for row in asked.json()["data"]]
    assert found[0].pos.ra.deg == 150.0


def test_pyvo_raises_what_the_answer_says(db, client):
    import pyvo

    with (
        served(answer(client, RA=150, DEC=30, SR=9)) as address,
        pytest.raises(pyvo.DALQueryError, match="SR must be in"),
    ):
        pyvo.conesearch(address, (150.0, 30.0), 9)


class Silent(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def served(content):
    """Serve one answer over real HTTP: the shared transaction cannot be lent to a second thread."""

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", "application/x-votable+xml")])
        return [content]

    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/vo/scs?"
        server.shutdown()


def test_a_database_that_does_not_answer_is_told_as_the_standard_wants(
    session, client, monkeypatch
):
    def fail(*_):
        raise sqlalchemy.exc.TimeoutError("QueuePool limit of size 1 reached")

    monkeypatch.setattr(scs.query_objects, "near", fail)

    (info,) = parse(io.BytesIO(answer(client, RA=150, DEC=30, SR=0.1))).resources[0].infos
    assert (info.name, info.value) == ("Error", BUSY)
