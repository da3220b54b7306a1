"""What is refused before any view is asked."""

import json

import pytest
import sqlalchemy.exc
from django.http import HttpResponse
from django.test import RequestFactory

from broker import limits
from broker.middleware import MIB, Bodies, Database, Requests

factory = RequestFactory()


def through(layer, request):
    return layer(lambda _: HttpResponse("seen"))(request)


def sized(path, size_bytes):
    request = factory.post(path)
    request.META["CONTENT_LENGTH"] = str(size_bytes)
    return request


@pytest.mark.parametrize(
    ("path", "size_bytes", "status"),
    [
        ("/babamul/auth", MIB, 200),
        ("/babamul/auth", MIB + 1, 413),
        ("/babamul/surveys/ztf/alerts/skymap-search", 32 * MIB, 200),
        ("/babamul/surveys/ztf/alerts/skymap-search", 32 * MIB + 1, 413),
        ("/login", 2 * MIB, 413),
    ],
)
def test_a_body_is_refused_by_its_declared_length(path, size_bytes, status):
    assert through(Bodies, sized(path, size_bytes)).status_code == status


def test_the_api_says_so_in_json_and_a_page_in_words():
    told = through(Bodies, sized("/babamul/auth", 2 * MIB))
    shown = through(Bodies, sized("/login", 2 * MIB))

    assert json.loads(told.content) == {"message": "the body is larger than 1 MiB", "errors": {}}
    assert "The request is too large" in shown.content.decode()


def test_a_body_without_length_is_refused():
    request = factory.post("/babamul/auth", headers={"transfer-encoding": "chunked"})

    assert through(Bodies, request).status_code == 411


def test_nul_in_the_address_is_refused():
    assert through(Bodies, factory.get("/babamul/objects?object_id=a%00")).status_code == 400
    assert through(Bodies, factory.get("/objects/ztf/a%00b")).status_code == 400


def test_a_length_that_is_none_is_no_body():
    request = factory.post("/login")
    request.META["CONTENT_LENGTH"] = ""

    assert through(Bodies, request).status_code == 200


def test_who_asks_too_often_is_told_how_long_to_wait(monkeypatch):
    monkeypatch.setattr(limits, "take", lambda *_, **__: 0.3)

    answer = through(Requests, factory.get("/babamul/profile"))

    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert json.loads(answer.content)["errors"] == {}


def test_addresses_are_counted_before_anybody_looks_at_a_token(monkeypatch):
    counted = []
    monkeypatch.setattr(limits, "take", lambda *names, **_: counted.append(names))

    through(Requests, factory.get("/babamul/profile", REMOTE_ADDR="192.0.2.7"))
    through(Requests, factory.get("/health"))

    assert counted == [("address", "192.0.2.7")]


def test_a_database_that_does_not_answer_is_told_as_such():
    layer = Database(lambda _: HttpResponse("seen"))
    late = sqlalchemy.exc.TimeoutError("QueuePool limit of size 1 reached")

    told = layer.process_exception(factory.get("/babamul/profile"), late)
    shown = layer.process_exception(factory.get("/search"), late)

    assert (told.status_code, told["Retry-After"]) == (503, "5")
    assert json.loads(told.content)["message"].startswith("the database did not answer")
    assert shown.status_code == 503
    assert b"The database does not answer" in shown.content


def test_what_else_breaks_is_left_to_django():
    layer = Database(lambda _: HttpResponse("seen"))

    assert layer.process_exception(factory.get("/search"), ZeroDivisionError()) is None
