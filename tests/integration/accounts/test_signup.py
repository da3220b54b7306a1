"""Sign-up and activation through REST."""

import re
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import AuditEntry, BabamulUser, KafkaCredential, OneTimeCode
from tests.integration.accounts.conftest import EMAIL, Api, code_in, send_mails, whole_database

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_a_sign_up_makes_an_inactive_account_without_a_usable_password(api, signed_up):
    signed_up("  Vera+x@Example.ORG ".strip().lower())

    user = BabamulUser.objects.get()
    assert (user.email, user.username) == ("vera+x@example.org", "verax")
    assert (user.state, user.password) == ("inactive", "!")


def test_the_mail_links_to_the_activation_with_both_parts(signed_up, mails):
    code = signed_up()

    text = mails.mails[0].get_body(("plain",)).get_content()
    assert f"/activate?email=vera%40example.org&activation_code={code}" in text


def test_known_and_unknown_addresses_get_the_same_answer(person, api, mails):
    known = api.post("signup", {"email": EMAIL})
    unknown = api.post("signup", {"email": "nobody@example.org"})
    BabamulUser.objects.filter(email=EMAIL).update(state="suspended")
    suspended = api.post("signup", {"email": EMAIL})

    assert {a.status_code for a in (known, unknown, suspended)} == {200}
    assert known.content == unknown.content == suspended.content
    assert known.json()["activation_required"] is True


def test_somebody_with_an_account_gets_a_mail_that_says_so(person, api, mails):
    api.post("signup", {"email": EMAIL})
    send_mails()

    assert [mail["Subject"] for mail in mails.to(EMAIL)][
        -1
    ] == "You already have a Nightjar account"


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "email"), ({"email": ""}, "email"), ({"email": "no"}, "email"), ({"email": 3}, "email"),
     ({"email": {}}, "email"), ({"email": None}, "email"), ({"email": "+@x.org"}, "email"),
     ({"email": "a" * 400 + "@x.org"}, "email")],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_its_field(api, db, body, field):
    answer = api.post("signup", body)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert answer.json()["message"].startswith(f"{field}: ")
    assert BabamulUser.objects.count() == 0


@pytest.mark.parametrize("body", ["3", "null", "[]", '"x"', "true", "{", "", "[" * 5000])
@pytest.mark.parametrize(
    "path", ["signup", "activate", "auth", "forgot-password", "reset-password"]
)
def test_json_that_is_no_object_is_refused(path, body, api, db):
    answer = api.client.post(f"/babamul/{path}", body, "application/json")

    assert answer.status_code == 400
    assert set(answer.json()) == {"message", "errors"}


def test_activation_gives_everything_once(person):
    assert re.fullmatch(r"[A-Za-z0-9]{32}", person["password"])
    assert person["activated"] is True
    assert (person["username"], person["email"]) == ("vera", EMAIL)
    assert person["kafka_username"] == EMAIL
    assert person["kafka_ready"] is False  # nobody works for Kafka in this test
    assert person["credential"]["kafka_username"].startswith("babamul-")
    assert re.fullmatch(r"[A-Za-z0-9]{32}", person["credential"]["kafka_password"])
    assert person["credential"]["state"] == "granting"
    assert person["row"].password.startswith("$argon2id$")
    assert {row.kind for row in KafkaCredential.objects.all()} == {"email", "named"}
    assert AuditEntry.objects.filter(action="activate").count() == 1


def test_answers_with_secrets_are_kept_by_no_cache(signed_up, api):
    answer = api.post("activate", {"email": EMAIL, "activation_code": signed_up()})

    assert answer["Cache-Control"] == "no-store"


def test_repeating_the_activation_changes_nothing(signed_up, api):
    asked = {"email": EMAIL, "activation_code": signed_up()}
    first = api.post("activate", asked).json()
    hashed = BabamulUser.objects.get().password

    again = api.post("activate", asked)

    assert again.status_code == 200
    assert again.json()["activated"] is True
    assert again.json()["password"] is None
    assert again.json()["credential"] is None
    assert BabamulUser.objects.get().password == hashed
    assert first["password"] is not None
    assert KafkaCredential.objects.count() == 2


def test_a_wrong_code_and_an_unknown_address_get_one_answer(signed_up, api):
    signed_up()

    wrong = api.post("activate", {"email": EMAIL, "activation_code": "wrong"})
    unknown = api.post("activate", {"email": "nobody@example.org", "activation_code": "wrong"})
    no_address = api.post("activate", {"email": "nobody", "activation_code": "wrong"})

    assert {a.status_code for a in (wrong, unknown, no_address)} == {400}
    assert wrong.content == unknown.content == no_address.content


def test_the_fifth_wrong_try_kills_the_code(signed_up, api):
    code = signed_up()
    for _ in range(5):
        api.post("activate", {"email": EMAIL, "activation_code": "wrong"})

    sixth = api.post("activate", {"email": EMAIL, "activation_code": code})

    assert sixth.status_code == 400
    assert BabamulUser.objects.get().state == "inactive"


def test_a_strangers_wrong_tries_do_not_keep_the_owner_out(signed_up, api, configured):
    configured(accounts__activations_per_ip_h=1000)
    code = signed_up()
    stranger = Api(address="198.51.100.99")
    for _ in range(30):
        stranger.post("activate", {"email": EMAIL, "activation_code": "wrong"})

    found = stranger.post("activate", {"email": EMAIL, "activation_code": code})
    assert found.status_code == 400
    assert api.post("activate", {"email": EMAIL, "activation_code": code}).status_code == 200


def test_a_hundred_wrong_tries_from_everywhere_kill_the_code(signed_up, api):
    code = signed_up()
    for i in range(25):
        for _ in range(4):
            stranger = Api(address=f"198.51.100.{i}")
            stranger.post("activate", {"email": EMAIL, "activation_code": "wrong"})

    assert api.post("activate", {"email": EMAIL, "activation_code": code}).status_code == 400
    kept = OneTimeCode.objects.get()
    assert (kept.tries, kept.voided_at is None) == (100, False)
    assert "198.51.100" not in str(kept.tries_by)


def test_after_four_wrong_tries_the_right_code_still_works(signed_up, api):
    code = signed_up()
    for _ in range(4):
        api.post("activate", {"email": EMAIL, "activation_code": "wrong"})

    fifth = api.post("activate", {"email": EMAIL, "activation_code": code})

    assert fifth.status_code == 200


def test_a_new_sign_up_voids_the_old_code(signed_up, api, mails):
    old, new = signed_up(), signed_up()

    assert api.post("activate", {"email": EMAIL, "activation_code": old}).status_code == 400
    assert api.post("activate", {"email": EMAIL, "activation_code": new}).status_code == 200


def test_a_code_expires(signed_up, api):
    code = signed_up()
    OneTimeCode.objects.update(expires_at=Now() - timedelta(seconds=1))

    assert api.post("activate", {"email": EMAIL, "activation_code": code}).status_code == 400


def test_somebody_elses_code_activates_nobody(signed_up, api):
    signed_up()
    foreign = signed_up("edwin@example.org")

    assert api.post("activate", {"email": EMAIL, "activation_code": foreign}).status_code == 400


def test_sign_ups_of_one_ip_address_are_refused_above_the_limit(db, configured):
    configured(accounts__signups_per_ip_h=3)
    api = Api(address="203.0.113.9")
    answers = [api.post("signup", {"email": f"a{i}@example.org"}) for i in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1]["Retry-After"]) > 0
    assert Api(address="203.0.113.10").post("signup", {"email": "b@x.org"}).status_code == 200


def test_a_forged_header_does_not_help(db, configured):
    configured(accounts__signups_per_ip_h=2)
    statuses = []
    for i in range(3):
        api = Api(address="203.0.113.11")
        api.client.defaults["HTTP_X_FORWARDED_FOR"] = f"198.51.100.{i}"
        statuses.append(api.post("signup", {"email": f"a{i}@example.org"}).status_code)

    assert statuses == [200, 200, 429]


def test_one_address_gets_so_many_mails_and_hears_nothing_of_it(db, mails):
    answers = [Api(address=f"203.0.113.{i}").post("signup", {"email": EMAIL}) for i in range(8)]
    send_mails()

    assert {answer.content for answer in answers} == {answers[0].content}
    assert len(mails.to(EMAIL)) == 5


def test_everybody_together_is_limited(db, configured):
    configured(accounts__signups_h=2)
    answers = [
        Api(address=f"203.0.113.{i}").post("signup", {"email": f"a{i}@x.org"}) for i in range(3)
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_the_code_stands_in_no_row(signed_up, mails):
    code = signed_up()

    assert code not in whole_database()
    assert code == code_in(mails.mails[0])
