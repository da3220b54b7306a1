"""The wizard's page: what its address asks for stands in the code, and only that."""

import json

import pytest
from django.test import Client

from accounts import credentials, sessions
from accounts.models import BabamulUser
from accounts.web.sessions import COOKIE
from pipeline import topics

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def nobody(parts):
    return Client(headers={"host": "localhost"})


@pytest.fixture
def user(db):
    return BabamulUser.objects.create(email="v@example.org", username="v", state="active")


@pytest.fixture
def inside(nobody, user):
    nobody.cookies[COOKIE] = sessions.open_session(user, "test")
    return nobody


@pytest.fixture
def rows(user):
    email = credentials.want(user, "email", "account", "p" * 32)
    return {"email": email, "named": credentials.want(user, "named", "laptop", "q" * 32)}


def wizard(browser, **asked):
    return browser.get("/start", asked).context["wizard"]


def test_every_public_topic_with_alerts_is_offered(nobody, db):
    page = nobody.get("/start").content.decode()

    for output in (*topics.OUTPUTS, *topics.STEADY[:2]):
        assert f'value="{output.name}"' in page
    assert topics.HEARTBEAT_TOPIC not in page


def test_without_an_account_the_environment_gives_the_names(nobody, db):
    found = wizard(nobody)

    assert (found.choice.username, found.choice.group) == ("", "laptop")
    assert found.choice.topics == ("babamul.ztf-test", "babamul.lsst-test")


def test_a_named_credential_comes_first_with_a_group_of_its_own(inside, rows):
    found = wizard(inside)

    assert found.choice.username == rows["named"].principal
    assert found.choice.group == f"{rows['named'].principal}-laptop"


def test_an_address_gets_a_group_that_no_other_account_has(inside, rows, user):
    found = wizard(inside, credential=rows["email"].pk, suffix="desk")

    assert found.choice.username == "v@example.org"
    assert found.choice.group == f"babamul-{user.pk.hex[:8]}-desk"


def test_somebody_elses_credential_is_not_used(inside, rows):
    other = BabamulUser.objects.create(email="e@example.org", username="e", state="active")
    theirs = credentials.want(other, "named", "laptop", "q" * 32)

    page = inside.get("/start", {"credential": theirs.pk})

    assert page.context["wizard"].choice.username == rows["named"].principal
    assert theirs.principal not in page.content.decode()


def test_a_credential_that_is_gone_is_not_offered(inside, rows):
    credentials.revoke(rows["named"])

    assert wizard(inside).choice.username == "v@example.org"


@pytest.mark.parametrize(
    "asked",
    [{"topic": "babamul.nothing"}, {"topic": "ztf_20260101"}, {"suffix": "a b"},
     {"suffix": '";import os'}, {"suffix": "x" * 41}, {"topic": "<script>"}],
)  # fmt: skip
def test_what_makes_no_sense_is_said_and_stands_in_no_code(asked, nobody, db):
    page = nobody.get("/start", asked)

    assert page.status_code == 400
    assert page.context["wizard"].problems
    assert all(value not in text for value in asked.values() for _, _, text in page.context["code"])
    assert nobody.get("/start/nightjar.ipynb", asked).status_code == 404


def test_the_notebook_is_a_download_of_the_same_choice(inside, rows):
    asked = {"topic": ["babamul.none"], "start": "new", "suffix": "desk"}

    answer = inside.get("/start/nightjar.ipynb", asked)

    assert answer["Content-Type"] == "application/x-ipynb+json"
    assert "attachment" in answer["Content-Disposition"]
    code = "".join(json.loads(answer.content)["cells"][-1]["source"])
    assert "babamul.none" in code
    assert f"{rows['named'].principal}-desk" in code
    assert "latest" in code


def test_no_password_is_ever_in_the_code(inside, rows):
    page = inside.get("/start").content.decode()

    assert "p" * 32 not in page
    assert "q" * 32 not in page


@pytest.mark.parametrize("since", ["", "yesterday", "2999-01-01", "2026-02-30"])
def test_a_day_that_cannot_be_begun_with_is_refused(since, nobody, db):
    page = nobody.get("/start", {"start": "date", "since": since})

    assert page.status_code == 400
    assert page.context["wizard"].choice.since is None


def test_a_day_to_begin_with_comes_with_a_script_for_it(inside, rows):
    page = inside.get("/start", {"start": "date", "since": "2026-11-19"})

    (name, _, code) = page.context["code"][0]
    assert name == "begin"
    assert "2026-11-19T00:00:00+00:00" in code
    assert f"{rows['named'].principal}-laptop" in code
    assert "since=2026-11-19" in page.context["query"]
