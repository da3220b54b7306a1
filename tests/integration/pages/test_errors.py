"""What goes wrong, as pages and as JSON; and what stands on every answer."""

from types import ModuleType

import pytest
from django.test import Client
from django.urls import path

from broker import urls
from pipeline.web import views

pytestmark = pytest.mark.integration
JSON = "application/json"


def broken(_request):
    raise ZeroDivisionError("bbml_secret")


@pytest.fixture
def calm():
    return Client(headers={"host": "localhost"}, raise_request_exception=False)


@pytest.fixture
def broken_urls(settings):
    added = [path("broken", broken), path("babamul/broken", broken)]
    found = ModuleType("broken_urls")
    vars(found).update(vars(urls) | {"urlpatterns": [*added, *urls.urlpatterns]})
    settings.ROOT_URLCONF = found


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/babamul/nothing", 404),
        ("/babamul/signup/", 404),
        ("/babamul", 404),
        ("/babamul/profile%00", 400),
        ("/babamul/objects?object_id=%00", 400),
    ],
)
def test_under_babamul_every_failure_is_json(calm, address, status):
    answer = calm.get(address)

    assert (answer.status_code, answer["Content-Type"]) == (status, JSON)
    assert set(answer.json()) == {"message", "errors"}


@pytest.mark.parametrize(
    ("method", "status"), [("put", 405), ("get", 405), ("patch", 405), ("trace", 405)]
)
def test_a_wrong_method_is_json(calm, method, status):
    answer = getattr(calm, method)("/babamul/auth")

    assert (answer.status_code, answer["Content-Type"]) == (status, JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[" * 100_000,
        b'{"email": NaN}',
        b'{"email": 1e999}',
        b'"text"',
        b"[]",
        b"null",
        b"1",
        b'{"email": {"a": 1}}',
        b'{"email": ["a"]}',
        b'{"email": "\\u0000@b.org"}',
        b'{"email": "\\ud800"}',
        b"\xff",
        b"",
    ],
    ids=lambda body: repr(body[:14]),
)
@pytest.mark.parametrize("route", ["signup", "activate", "forgot-password", "reset-password"])
def test_a_malformed_body_is_refused_in_json(calm, route, body):
    answer = calm.post(f"/babamul/{route}", body, content_type=JSON)

    assert (answer.status_code, answer["Content-Type"]) == (400, JSON)
    assert answer.json()["message"]


def test_a_foreign_host_is_refused(calm):
    told = calm.get("/babamul/nothing", headers={"host": "evil.example"})
    shown = calm.get("/topics", headers={"host": "evil.example"})

    assert (told.status_code, told["Content-Type"]) == (400, JSON)
    assert shown.status_code == 400
    assert "evil" not in shown.text


def test_what_breaks_is_told_without_details(calm, broken_urls):
    told, shown = calm.get("/babamul/broken"), calm.get("/broken")

    assert (told.status_code, told.json()) == (500, {"message": "internal error", "errors": {}})
    assert shown.status_code == 500
    assert "Something broke" in shown.text
    assert "bbml_secret" not in told.text + shown.text


def test_a_page_that_is_not_there_says_so_in_the_frame(calm):
    page = calm.get("/nothing")

    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert 'aria-label="Main"' in page.text


def test_a_form_without_its_token_is_refused():
    browser = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)

    answer = browser.post("/login", {"email": "a@b.org", "password": "x"})

    assert answer.status_code == 403
    assert "load its page again" in answer.text


@pytest.mark.parametrize(
    "address", ["/", "/topics", "/babamul/docs", "/babamul/nothing", "/nothing"]
)
def test_every_answer_bears_the_headers_that_bind_a_browser(calm, no_kafka, address):
    answer = calm.get(address)

    policy = dict(
        each.strip().partition(" ")[::2] for each in answer["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["img-src"] == "'self' data: blob:"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_an_error_in_a_look_does_not_break_the_first_page(calm, no_kafka, monkeypatch):
    monkeypatch.setattr(views.ledger, "read", broken)

    page = calm.get("/")

    assert page.status_code == 200
    assert "being added up" in page.text
