"""Who may open a page, and what the others meet."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from broker.access import ACCOUNT, API, PUBLIC, Access, access, declared, staff, wants_json
from broker.rest import ApiView


def page(needed):
    @access(needed)
    def view(request):
        return HttpResponse("seen")

    return view


page_of_accounts = page(ACCOUNT)


def asked(path="/profile?tab=2", account=None, user=None, **headers):
    request = RequestFactory().get(path, headers=headers)
    request.account = account
    request.user = user or AnonymousUser()
    return request


def member(*roles, **given):
    groups = SimpleNamespace(
        filter=lambda name__in: SimpleNamespace(exists=lambda: bool(set(roles) & set(name__in)))
    )
    values = {"is_active": True, "is_staff": True, "is_superuser": False, "groups": groups}
    return SimpleNamespace(**values | given)


def test_anybody_opens_a_public_page():
    assert page(PUBLIC)(asked()).content == b"seen"


def test_an_account_opens_its_page():
    assert page(ACCOUNT)(asked(account=object())).content == b"seen"


def test_without_an_account_one_is_asked_to_sign_in_and_comes_back():
    answer = page(ACCOUNT)(asked())

    assert (answer.status_code, answer.url) == (302, "/login?next=/profile%3Ftab%3D2")


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://testserver/check?topic=a&group=b", "/check%3Ftopic%3Da%26group%3Db"),
        ("http://testserver/check#password", "/check"),
        ("http://elsewhere.example/check", "/profile"),
        ("http://testserver//elsewhere.example/", "/profile"),
        ("javascript://testserver/%0aalert(1)", "/profile"),
        ("http://testserver", "/profile"),
        ("", "/profile"),
    ],
)
def test_whose_session_ended_before_a_form_comes_back_to_a_page_that_can_be_shown(referer, page):
    request = RequestFactory().post("/profile/credentials", headers={"Referer": referer})
    request.account = None

    answer = page_of_accounts(request)

    assert (answer.status_code, answer.url) == (302, f"/login?next={page}")


def test_staff_is_no_account():
    assert page(ACCOUNT)(asked(user=member(is_superuser=True))).status_code == 302


def test_an_account_is_no_staff():
    answer = page(staff())(asked(account=object()))

    assert (answer.status_code, answer.url[:13]) == (302, "/admin/login/")


def test_a_fragment_is_told_where_to_sign_in():
    answer = page(ACCOUNT)(asked(**{"HX-Request": "true"}))

    assert (answer.status_code, answer["HX-Redirect"]) == (401, "/login")


@pytest.mark.parametrize("path", ["/babamul/x", "/objects/ztf/a/data.json"])
def test_a_program_is_refused_in_json(path):
    answer = page(ACCOUNT)(asked(path))

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/json")


@pytest.mark.parametrize(
    ("user", "status"),
    [
        (member(), 403),
        (member("shifter"), 403),
        (member("operator"), 200),
        (member(is_superuser=True), 200),
        (member("operator", is_active=False), 302),
        (member("operator", is_staff=False), 302),
    ],
    ids=["no role", "another role", "the role", "superuser", "inactive", "no staff"],
)
def test_a_role_is_needed(user, status):
    assert page(staff("operator", "data_manager"))(asked(user=user)).status_code == status


def test_any_staff_opens_a_page_of_no_role():
    assert page(staff())(asked(user=member())).status_code == 200


def test_a_role_that_does_not_exist_is_a_mistake():
    with pytest.raises(ValueError, match="no role boss"):
        staff("boss")


def test_a_function_cannot_be_opened_by_a_token():
    with pytest.raises(ValueError, match=r"broker\.rest\.ApiView"):
        access(API)


class Numbers(ApiView):
    access = API


def test_what_a_view_declares_is_found():
    assert declared(page(ACCOUNT)) == ACCOUNT
    assert declared(Numbers.as_view()) == Access("api")
    assert declared(lambda _: None) is None


def test_a_browser_gets_pages():
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    assert not wants_json(asked(**browser))
    assert wants_json(asked(Accept="application/json"))
