"""What every REST view does by itself."""

from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy.exc
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.test import APIRequestFactory

from broker import limits
from broker.access import ACCOUNT, API, PUBLIC
from broker.refusals import BUSY, ApiError, TooLongError, field_error
from broker.rest import ApiView, bare, ok

factory = APIRequestFactory()


class Bearer(BaseAuthentication):
    def authenticate(self, request):
        word = request.META.get("HTTP_AUTHORIZATION")
        if word == "Bearer bad":
            raise exceptions.AuthenticationFailed("the token is wrong")
        return (SimpleNamespace(pk=7), word) if word else None


def view(needed=PUBLIC, does=lambda request: ok(request.data)):
    class View(ApiView):
        access = needed
        authentication_classes = (Bearer,)

        def get(self, request):
            return does(request)

        def post(self, request):
            return does(request)

    return View.as_view()


def asked(request, **given):
    answer = view(**given)(request)
    answer.render()
    return answer


@pytest.fixture(autouse=True)
def taken(monkeypatch):
    found = []
    monkeypatch.setattr(limits, "take", lambda *names, **_: found.append(names))
    return found


def failing(error):
    def fail(_request):
        raise error

    return fail


class Cone(serializers.Serializer):
    ra = serializers.FloatField(max_value=360)
    coordinates = serializers.DictField(child=serializers.ListField(child=serializers.FloatField()))


def test_an_answer_has_its_envelope():
    answer = asked(factory.get("/"), does=lambda _: ok([1], "one", total=1))

    assert answer.data == {"status": "success", "message": "one", "data": [1], "total": 1}
    assert answer["Content-Type"] == "application/json"


def test_an_answer_may_go_without():
    answer = asked(factory.get("/"), does=lambda _: bare([], 202, {"Cache-Control": "no-store"}))

    assert (answer.content, answer.status_code) == (b"[]", 202)
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", "*/*"])
def test_any_accept_header_gets_json(accept):
    assert asked(factory.get("/", headers={"accept": accept})).status_code == 200


def test_a_form_is_read_as_json_is():
    content = "application/x-www-form-urlencoded"
    answer = asked(factory.post("/", "email=a%40b", content_type=content))

    assert answer.data["data"].dict() == {"email": "a@b"}


@pytest.mark.parametrize(
    ("content", "status"), [("text/plain", 415), ("multipart/form-data; boundary=x", 415)]
)
def test_other_bodies_are_refused(content, status):
    answer = asked(factory.post("/", "a", content_type=content))

    assert answer.status_code == status
    assert set(answer.data) == {"message", "errors"}


def test_without_a_token_the_api_is_closed():
    answer = asked(factory.get("/"), needed=API)

    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.data["errors"] == {}


def test_a_wrong_token_is_refused():
    answer = asked(factory.get("/", headers={"authorization": "Bearer bad"}), needed=API)

    assert (answer.status_code, answer.data["message"]) == (401, "the token is wrong")


def test_a_token_opens_the_api_and_its_account_is_counted(taken):
    answer = asked(factory.get("/", headers={"authorization": "Bearer good"}), needed=API)

    assert answer.status_code == 200
    assert taken == [("user", "7")]


def test_a_wrong_token_does_not_close_what_is_public():
    assert asked(factory.get("/", headers={"authorization": "Bearer bad"})).status_code == 200


def test_an_account_that_asks_too_often_is_told_how_long_to_wait(monkeypatch):
    monkeypatch.setattr(limits, "take", lambda *_, **__: 2.2)

    answer = asked(factory.get("/", headers={"authorization": "Bearer good"}), needed=API)

    assert (answer.status_code, answer["Retry-After"]) == (429, "3")


@pytest.mark.parametrize("needed", [None, ACCOUNT], ids=["nothing", "a session"])
def test_a_view_that_declares_what_cannot_be_enforced_is_a_mistake(needed):
    with pytest.raises(ImproperlyConfigured, match="View declares no access"):
        view(needed)(factory.get("/"))


@pytest.mark.parametrize(
    ("error", "status", "message", "errors"),
    [
        (ApiError(409, "twice"), 409, "twice", {}),
        (field_error("ra", "must be < 360"), 400, "ra: must be < 360", {"ra": ["must be < 360"]}),
        (Http404("no object ZTF1"), 404, "no object ZTF1", {}),
        (Http404(), 404, "not found", {}),
        (PermissionDenied(), 403, "not allowed", {}),
        (SuspiciousOperation("x" * 99), 400, "malformed request", {}),
        (OperationalError("server closed"), 503, BUSY, {}),
        (
            sqlalchemy.exc.OperationalError("SELECT 1", {}, psycopg.errors.QueryCanceled("late")),
            503,
            BUSY,
            {},
        ),
        (TooLongError("the search took longer than 25 s"), 503, BUSY, {}),
        (sqlalchemy.exc.TimeoutError("QueuePool limit reached"), 503, BUSY, {}),
        (psycopg.OperationalError("the connection is closed"), 503, BUSY, {}),
        (exceptions.Throttled(3), 429, "Request was throttled.", {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_failure_has_one_shape(error, status, message, errors):
    answer = asked(factory.get("/"), does=failing(error))

    assert answer.status_code == status
    assert answer.data["message"].startswith(message)
    assert answer.data["errors"] == errors


def test_wrong_fields_are_named_by_their_paths():
    sent = {"ra": 400, "coordinates": {"a": [1, "x"]}}
    answer = asked(
        factory.post("/", sent, format="json"),
        does=lambda request: Cone(data=request.data).is_valid(raise_exception=True),
    )

    assert answer.status_code == 400
    assert answer.data["errors"] == {
        "ra": ["Ensure this value is less than or equal to 360."],
        "coordinates.a.1": ["A valid number is required."],
    }
    assert answer.data["message"].startswith("ra: Ensure this value is less")


def test_a_body_that_is_a_list_has_no_field_to_name():
    answer = asked(
        factory.post("/", [1], format="json"),
        does=lambda request: Cone(data=request.data).is_valid(raise_exception=True),
    )

    assert (answer.status_code, answer.data["errors"]) == (400, {})
    assert "Expected a dictionary" in answer.data["message"]


def test_a_wrong_method_is_named_in_json():
    answer = asked(factory.put("/", {}, format="json"))

    assert answer.status_code == 405
    assert set(answer.data) == {"message", "errors"}
    assert "GET" in answer["Allow"]


def test_what_nobody_foresaw_is_left_to_django():
    with pytest.raises(ZeroDivisionError):
        view(does=lambda _: 1 / 0)(factory.get("/"))
