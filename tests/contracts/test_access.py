"""Every URL against every kind of credential: what each declares is what happens."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import jwt
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import sessions, tokens
from accounts.models import BabamulUser
from accounts.web.sessions import COOKIE
from broker import limits
from broker.access import Access, declared, staff

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

EXAMPLES = {"UUIDConverter": str(uuid.UUID(int=1)), "IntConverter": "1", "TableConverter": "csv"}
"""What stands for a parameter in a path, by the kind of its converter; else a word."""
WORD = "ztf"
ASK_TO_SIGN_IN = {"account": "/login?next=", "staff": "/admin/login/?next="}


@dataclass(frozen=True)
class Route:
    path: str
    access: Access | None
    is_open: bool = False
    """A page by which staff come in and go out."""


def walk(patterns, path="", app=None):
    for each in patterns:
        here = path + filled(each.pattern)
        if isinstance(each, URLResolver):
            yield from walk(each.url_patterns, here, each.app_name or app)
        elif isinstance(each, URLPattern):
            # Django's own pages of the admin ask for staff by themselves; the test proves it.
            wanted = declared(each.callback) or (staff() if app == "admin" else None)
            yield Route("/" + here, wanted, app == "admin" and each.name in OPEN_IN_ADMIN)


OPEN_IN_ADMIN = {"login", "logout", "jsi18n"}


def filled(pattern):
    route = getattr(pattern, "_route", None)
    if route is None:
        return "nowhere" if pattern._regex.startswith("(?P") else ""
    for name, converter in pattern.converters.items():
        kind = type(converter).__name__
        example = EXAMPLES.get(kind, WORD)
        route = route.replace(f"<{kind_of(route, name)}{name}>", example)
    return route


def kind_of(route, name):
    return route.partition(f"{name}>")[0].rpartition("<")[2]


@cache
def routes():
    return sorted(set(walk(get_resolver().url_patterns)), key=lambda route: route.path)


def of_kind(*kinds):
    return [
        pytest.param(route, id=route.path)
        for route in routes()
        if route.access and route.access.kind in kinds and not route.is_open
    ]


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch, session):
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)


@pytest.fixture
def user():
    return BabamulUser.objects.create(email="a@example.org", username="a", state="active")


def forged(user, **claims):
    """Return a JWT under our key that differs in some claims."""
    values = tokens.LoginToken(tokens.login_token(user)).payload | claims
    return jwt.encode(values, tokens._signing_key(), "HS256")


def personal(user, **changed):
    row, token = tokens.new_personal(user, "test")
    for name, value in changed.items():
        setattr(row, name, value)
    row.save()
    return token


GOOD = {
    "JWT": tokens.login_token,
    "personal": personal,
}
BAD = {
    "no token": lambda _: "",
    "no form": lambda _: "nonsense",
    "expired JWT": lambda user: forged(user, exp=1_600_000_000),
    "alg none": lambda user: jwt.encode(
        tokens.LoginToken(tokens.login_token(user)).payload, None, "none"
    ),
    "wrong aud": lambda user: forged(user, aud="staff"),
    "no aud": lambda user: forged(user, aud=None),
    "another kind": lambda user: forged(user, token_type="access"),
    "old generation": lambda user: forged(user, gen=user.generation - 1),
    "no generation": lambda user: forged(user, gen=None),
    "subject of staff": lambda user: forged(user, sub="1"),
    "subject without prefix": lambda user: forged(user, sub=str(user.pk)),
    "nobody": lambda user: forged(user, sub=f"babamul:{uuid.uuid4()}"),
    "another key": lambda user: jwt.encode(
        tokens.LoginToken(tokens.login_token(user)).payload, "k" * 40, "HS256"
    ),
    "expired personal": lambda user: personal(user, expires_at=Now() - timedelta(seconds=1)),
    "short personal": lambda user: personal(user)[:-1],
    "long personal": lambda user: personal(user) + "a",
}


def bearer(token=""):
    headers = {"host": "localhost"} | ({"authorization": f"Bearer {token}"} if token else {})
    return Client(headers=headers, raise_request_exception=False)


def with_session(user):
    browser = bearer()
    browser.cookies[COOKIE] = sessions.open_session(user, "test")
    return browser


def member_of_staff():
    browser = bearer()
    browser.force_login(User.objects.create(username="staff", is_staff=True, is_superuser=True))
    return browser


def is_refused(answer, kind):
    if kind == "api":
        return answer.status_code == 401 and set(answer.json()) >= {"message"}
    asks = answer.status_code == 302 and answer["Location"].startswith(ASK_TO_SIGN_IN[kind])
    return asks or answer.status_code == 401


def test_every_url_says_who_may_open_it():
    assert [route.path for route in routes() if route.access is None] == []


def test_the_walk_sees_the_whole_urlconf():
    paths = {route.path for route in routes()}

    assert {"/", "/health", "/admin/", "/admin/login/"} <= paths


def test_everything_of_babamul_is_the_rest_interface_or_public():
    kinds = {r.access.kind for r in routes() if r.path.startswith("/babamul/") and r.access}

    assert kinds <= {"api", "public"}


@pytest.mark.parametrize("route", of_kind("api", "account", "staff"))
def test_nobody_is_let_in_without_a_credential(route):
    assert is_refused(bearer().get(route.path), route.access.kind)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_opens_nothing(kind, user):
    user.generation = 3
    user.save()
    browser = bearer(BAD[kind](user))

    let_in = [
        route.path
        for route in routes()
        if route.access
        and route.access.kind != "public"
        and not route.is_open
        and not is_refused(browser.get(route.path), route.access.kind)
    ]

    assert let_in == []


@pytest.mark.parametrize("kind", GOOD)
def test_a_token_opens_the_api_and_nothing_else(kind, user):
    browser = bearer(GOOD[kind](user))

    for route in routes():
        if route.access is None or route.is_open or route.access.kind == "public":
            continue
        answer = browser.get(route.path)
        if route.access.kind == "api":
            assert answer.status_code not in {401, 403}, route.path
        else:
            assert is_refused(answer, route.access.kind), route.path


@pytest.mark.parametrize("state", ["suspended", "deleting", "deleted"])
@pytest.mark.parametrize("kind", GOOD)
def test_a_token_of_an_account_that_is_shut_opens_nothing(kind, state, user):
    token = GOOD[kind](user)
    BabamulUser.objects.update(state=state)

    assert {bearer(token).get(route.path).status_code for route in api_routes()} <= {401}


def test_a_token_of_an_account_that_is_not_activated_is_told_so(user):
    token = personal(user)
    BabamulUser.objects.update(state="inactive")

    assert {bearer(token).get(route.path).status_code for route in api_routes()} <= {403}


def api_routes():
    return [route for route in routes() if route.access and route.access.kind == "api"]


def test_a_session_of_an_account_opens_its_pages_and_nothing_else(user):
    browser = with_session(user)

    for route in routes():
        if route.access is None or route.is_open or route.access.kind == "public":
            continue
        answer = browser.get(route.path)
        if route.access.kind == "account":
            assert not is_refused(answer, "account"), route.path
        else:
            assert is_refused(answer, route.access.kind), route.path


def test_a_session_of_staff_opens_no_account_and_no_api():
    browser = member_of_staff()

    for route in routes():
        if route.access and route.access.kind in {"account", "api"}:
            assert is_refused(browser.get(route.path), route.access.kind), route.path


def test_what_is_public_asks_nobody(user):
    browsers = [bearer(), bearer("nonsense"), with_session(user), member_of_staff()]

    for route in routes():
        if route.access and route.access.kind == "public":
            statuses = {browser.get(route.path).status_code for browser in browsers}
            assert not statuses & {401, 403, 500}, (route.path, statuses)
