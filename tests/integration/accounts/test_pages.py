"""The pages of accounts as a browser without JavaScript meets them."""

import html
import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.test import Client

from accounts.models import AccessToken, BabamulUser, KafkaCredential, WebSession
from accounts.web.check_pages import LookForm
from accounts.web.sessions import COOKIE
from tests.integration.accounts.conftest import EMAIL, code_in, send_mails

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def browser():
    return Client(
        headers={"host": "localhost", "user-agent": "Test/1.0"}, REMOTE_ADDR="203.0.113.50"
    )


@pytest.fixture
def inside(browser, person):
    """Return a browser that is signed in."""
    done = browser.post("/login", {"email": EMAIL, "password": person["password"]})
    assert done["Location"] == "/profile"
    return browser


def text_of(answer):
    return html.unescape(answer.content.decode())


def shown_in(answer, name):
    return re.search(rf'id="{name}">([^<]*)<', text_of(answer))[1]


def test_the_way_from_sign_up_to_the_profile(browser, mails):
    done = browser.post("/signup", {"email": "Vera@Example.org"})
    assert "Look into your mail" in text_of(done)
    send_mails()
    link = re.search(
        r"http://localhost\S*(/activate\S+)", mails.mails[0].get_body(("plain",)).get_content()
    )[1]
    filled = browser.get(link)
    assert BabamulUser.objects.get().state == "inactive"  # opening the link does nothing yet
    code = code_in(mails.mails[0])
    assert f'value="{code}"' in text_of(filled)

    shown = browser.post("/activate", {"email": EMAIL, "code": code})

    password = shown_in(shown, "password")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", password)
    env = dict(line.split("=", 1) for line in shown_in(shown, "dotenv").splitlines())
    assert env["BABAMUL_KAFKA_USERNAME"].startswith("babamul-")
    assert len(env["BABAMUL_KAFKA_PASSWORD"]) == 32
    assert env["BABAMUL_KAFKA_SERVER"].startswith("localhost:")
    assert "no-store" in shown["Cache-Control"]
    profile = browser.get("/profile")  # signed in already
    assert profile.status_code == 200
    assert env["BABAMUL_KAFKA_USERNAME"] in text_of(profile)
    assert password not in text_of(profile)
    assert env["BABAMUL_KAFKA_PASSWORD"] not in text_of(profile)
    again = browser.post("/activate", {"email": EMAIL, "code": code})
    assert "active already" in text_of(again)
    assert password not in text_of(again)


def test_every_page_of_accounts_is_kept_by_no_cache(inside):
    for path in ("/signup", "/activate", "/login", "/reset", "/profile", "/profile/delete"):
        assert "no-store" in inside.get(path)["Cache-Control"], path


def test_known_and_unknown_addresses_see_the_same_pages(browser, person):
    def body(path, form):
        text = browser.post(path, form).content.decode()
        return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", text).replace(
            form["email"], ""
        )

    for path in ("/signup", "/reset"):
        assert body(path, {"email": EMAIL}) == body(path, {"email": "nobody@example.org"}), path
    wrong = {"email": EMAIL, "password": "wrong"}
    assert body("/login", wrong) == body("/login", wrong | {"email": "nobody@example.org"})
    code = {"email": EMAIL, "code": "wrong"}
    assert body("/activate", code) == body("/activate", code | {"email": "nobody@example.org"})


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [("/signup", {"email": "no"}, 400), ("/signup", {}, 400), ("/activate", {"email": EMAIL}, 400),
     ("/login", {"email": EMAIL, "password": "wrong"}, 401),
     ("/reset", {"email": EMAIL, "code": "x", "password": "weak"}, 400),
     ("/signup", {"email": "a\x00@x.org"}, 400), ("/signup", {"email": "<script>@x.org"}, 400)],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field(path, form, status, browser, db):
    answer = browser.post(path, form)

    assert answer.status_code == status
    assert 'class="errorlist"' in text_of(answer) or 'role="alert"' in text_of(answer)
    assert "<script>@" not in answer.content.decode()


def test_a_likely_typing_error_is_pointed_out(browser, db):
    assert "vera@gmail.com" in text_of(browser.post("/signup", {"email": "vera@gmial.com"}))


def test_a_form_without_its_token_changes_nothing(person):
    strict = Client(enforce_csrf_checks=True, headers={"host": "localhost"})

    answer = strict.post("/login", {"email": EMAIL, "password": person["password"]})

    assert answer.status_code == 403
    assert WebSession.objects.count() == 0


def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(browser, person):
    asked = browser.get("/profile")
    assert asked["Location"] == "/login?next=/profile"
    form = {"email": EMAIL, "password": person["password"], "next": "/start?topic=babamul.none"}

    assert browser.post("/login", form)["Location"] == "/start?topic=babamul.none"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(elsewhere, browser, person):
    form = {"email": EMAIL, "password": person["password"], "next": elsewhere}

    assert browser.post("/login", form)["Location"] == "/profile"


def test_the_cookie_is_random_and_only_its_hash_is_kept(inside):
    cookie = inside.cookies[COOKIE]
    row = WebSession.objects.get()

    assert len(cookie.value) == 43  # 256 bits
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookie.value.encode() not in bytes(row.key_sha256)
    assert row.agent == "Test/1.0"


def test_signing_in_again_gives_another_cookie(inside, person):
    before = inside.cookies[COOKIE].value
    inside.post("/login", {"email": EMAIL, "password": person["password"]})

    assert inside.cookies[COOKIE].value != before
    assert WebSession.objects.count() == 1


def test_signing_out_ends_the_session_on_the_server_too(inside):
    key = inside.cookies[COOKIE].value
    inside.post("/logout")
    inside.cookies[COOKIE] = key

    assert inside.get("/profile").status_code == 302


def test_a_session_idles_away(inside):
    WebSession.objects.update(last_seen_at=Now() - timedelta(days=14, seconds=1))

    assert inside.get("/profile").status_code == 302


def test_the_profile_shows_living_sessions_only(inside, person):
    idle = WebSession.objects.create(user=person["row"], key_sha256=b"x", agent="Idle/1.0")
    assert "Idle/1.0" in text_of(inside.get("/profile"))

    WebSession.objects.filter(pk=idle.pk).update(last_seen_at=Now() - timedelta(days=31))

    shown = text_of(inside.get("/profile"))
    assert "Test/1.0" in shown
    assert "Idle/1.0" not in shown


def test_a_session_that_is_used_goes_on(inside):
    WebSession.objects.update(last_seen_at=Now() - timedelta(days=13))
    inside.get("/profile")
    WebSession.objects.update(last_seen_at=Now() - timedelta(days=13))

    assert inside.get("/profile").status_code == 200


@pytest.mark.parametrize("state", ["suspended", "deleting", "deleted", "inactive"])
def test_an_account_that_is_shut_has_no_session(state, inside):
    BabamulUser.objects.update(state=state)

    assert inside.get("/profile").status_code == 302


def test_others_are_signed_out_and_this_one_stays(inside, person):
    other = Client(headers={"host": "localhost"}, REMOTE_ADDR="203.0.113.51")
    other.post("/login", {"email": EMAIL, "password": person["password"]})
    assert other.get("/profile").status_code == 200

    inside.post("/profile/sessions/others")

    assert other.get("/profile").status_code == 302
    assert inside.get("/profile").status_code == 200


def test_an_account_signed_in_is_no_staff(inside):
    assert inside.get("/admin/")["Location"].startswith("/admin/login/")
    assert inside.get("/babamul/profile").status_code == 401


def test_a_credential_is_made_shown_once_rotated_and_deleted(inside):
    made = inside.post("/profile/credentials", {"credential-name": "telescope"})
    first = dict(line.split("=", 1) for line in shown_in(made, "dotenv").splitlines())
    row = KafkaCredential.objects.get(name="telescope")
    assert first["BABAMUL_KAFKA_USERNAME"] == row.principal
    assert first["BABAMUL_KAFKA_PASSWORD"] not in text_of(inside.get("/profile"))

    rotated = inside.post(f"/profile/credentials/{row.pk}/rotate")
    second = dict(line.split("=", 1) for line in shown_in(rotated, "dotenv").splitlines())
    assert second["BABAMUL_KAFKA_PASSWORD"] != first["BABAMUL_KAFKA_PASSWORD"]

    inside.post(f"/profile/credentials/{row.pk}/delete")
    row.refresh_from_db()
    assert row.state == "revoking"
    assert "being deleted" in text_of(inside.get("/profile"))


def test_the_check_offers_what_was_deleted_of_late_and_not_what_was_long_ago(person):
    user = person["row"]
    rows = list(KafkaCredential.objects.order_by("created_at"))
    KafkaCredential.objects.update(state="revoked", confirmed_at=Now())
    assert set(LookForm(user).rows) == {str(row.pk) for row in rows}

    KafkaCredential.objects.filter(pk=rows[0].pk).update(confirmed_at=Now() - timedelta(days=8))

    assert set(LookForm(user).rows) == {str(rows[1].pk)}


@pytest.mark.parametrize("path", ["/check/waiting", "/check/password"])
def test_a_check_says_which_field_is_wrong(inside, path):
    ask = inside.get if path == "/check/waiting" else inside.post
    row = KafkaCredential.objects.get(kind="named")

    answer = ask(path, {"credential": str(row.pk), "topic": ""})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["topic"])
    assert answer.json()["message"] == "topic: This field is required."

    answer = ask(path, {"credential": "nobody's", "topic": "babamul.none"})
    assert (answer.status_code, answer.json()["message"]) == (404, "no such credential of yours")


def test_the_state_of_a_credential_is_a_fragment_that_ends_asking(inside):
    row = KafkaCredential.objects.get(kind="named")
    open_ = text_of(inside.get(f"/profile/credentials/{row.pk}/state"))
    KafkaCredential.objects.update(state="active")
    settled = text_of(inside.get(f"/profile/credentials/{row.pk}/state"))

    assert "being granted" in open_
    assert "hx-get" in open_
    assert "ready" in settled
    assert "hx-get" not in settled


def test_somebody_elses_things_are_not_found(inside):
    other = BabamulUser.objects.create(email="e@example.org", username="e", state="active")
    row = KafkaCredential.objects.create(
        user=other, kind="named", name="x", principal="babamul-x", group_prefix="babamul-x"
    )
    token = AccessToken.objects.create(
        user=other, name="x", secret_sha256="x", last_characters="abcd", expires_at=Now()
    )

    for path in (
        f"credentials/{row.pk}/rotate",
        f"credentials/{row.pk}/delete",
        f"tokens/{token.pk}/delete",
    ):
        assert inside.post(f"/profile/{path}").status_code == 404, path
    assert inside.get(f"/profile/credentials/{row.pk}/state").status_code == 404
    assert AccessToken.objects.count() == 1


def test_a_token_is_made_shown_once_and_deleted(inside):
    made = inside.post("/profile/tokens", {"token-name": "laptop", "token-days": "30"})
    token = shown_in(made, "token")
    assert re.fullmatch(r"bbml_[A-Za-z0-9]{36}", token)
    page = text_of(inside.get("/profile"))
    assert token not in page
    assert f"bbml_…{token[-4:]}" in page

    inside.post(f"/profile/tokens/{AccessToken.objects.get().pk}/delete")
    assert AccessToken.objects.count() == 0


def test_an_account_is_deleted_only_after_its_address_was_typed(inside):
    assert inside.post("/profile/delete", {"email": "e@example.org"}).status_code == 400
    assert BabamulUser.objects.get().state == "active"

    done = inside.post("/profile/delete", {"email": EMAIL})

    user = BabamulUser.objects.get()
    assert done.status_code == 200
    assert (user.state, user.password) == ("deleting", "!")
    assert set(KafkaCredential.objects.values_list("state", flat=True)) == {"revoking"}
    assert WebSession.objects.count() == 0
    assert inside.get("/profile").status_code == 302


def test_a_password_is_reset_on_the_pages(browser, person, mails):
    browser.post("/reset", {"email": EMAIL})
    send_mails()
    link = re.search(
        r"http://localhost\S*(/reset\S+)", mails.mails[-1].get_body(("plain",)).get_content()
    )[1]
    filled = text_of(browser.get(link))
    code = code_in(mails.mails[-1])
    assert f'value="{code}"' in filled

    done = browser.post("/reset", {"email": EMAIL, "code": code, "password": "Another-horse-8"})

    assert "is changed" in text_of(done)
    into = browser.post("/login", {"email": EMAIL, "password": "Another-horse-8"})
    assert into["Location"] == "/profile"


def test_passwords_are_never_written_back_into_a_form(browser, db):
    answer = browser.post("/login", {"email": EMAIL, "password": "Wrong-horse-99"})

    assert "Wrong-horse-99" not in text_of(answer)
