"""Profile, named credentials and personal tokens through REST."""

import re
import uuid
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from accounts.models import AccessToken, BabamulUser, KafkaCredential
from tests.integration.accounts.conftest import EMAIL, Api, whole_database

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


@pytest.fixture
def stranger(person, db):
    """Return another account's program."""
    from accounts import tokens

    other = BabamulUser.objects.create(email="e@example.org", username="e", state="active")
    return Api(tokens.login_token(other))


def test_the_profile_is_what_the_client_reads(mine, person):
    data = mine.get("profile").json()["data"]

    assert (data["email"], data["username"]) == (EMAIL, "vera")
    assert uuid.UUID(data["_id"]) == person["row"].pk
    assert isinstance(data["created_at"], int)


def test_a_credential_shows_its_password_once(mine):
    made = mine.post("kafka-credentials", {"name": " laptop "})
    data = made.json()["data"]
    listed = {row["id"]: row for row in mine.get("kafka-credentials").json()["data"]}

    assert made.status_code == 202  # nobody works for Kafka in this test
    assert data["state"] == "granting"
    assert data["name"] == "laptop"
    assert re.fullmatch(r"babamul-[0-9a-f-]{36}", data["kafka_username"])
    assert re.fullmatch(r"[A-Za-z0-9]{32}", data["kafka_password"])
    assert listed[data["id"]]["kafka_password"] is None
    assert data["kafka_password"] not in whole_database()


def test_a_credential_that_kafka_has_confirmed_is_answered_with_200(mine, monkeypatch):
    def confirm(ids, _states, _limit_s):
        KafkaCredential.objects.filter(pk__in=ids).update(state="active")
        return True

    monkeypatch.setattr("accounts.credentials.await_state", confirm)

    made = mine.post("kafka-credentials", {"name": "laptop"})

    assert (made.status_code, made.json()["data"]["state"]) == (200, "active")


@pytest.mark.parametrize(
    "body",
    [{}, {"name": ""}, {"name": "   "}, {"name": None}, {"name": "a" * 65}, {"name": "a\nb"},
     {"name": ["a"]}, {"name": "a\u202eb"}],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(body, mine):
    answer = mine.post("kafka-credentials", body)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == ["name"]


def test_ten_credentials_are_enough(mine):
    statuses = [mine.post("kafka-credentials", {"name": str(i)}).status_code for i in range(10)]

    assert statuses == [202] * 9 + [400]  # the activation made the first


def test_a_credential_that_is_being_deleted_makes_no_room_yet(mine):
    for i in range(9):
        row = mine.post("kafka-credentials", {"name": str(i)}).json()["data"]
    assert mine.delete(f"kafka-credentials/{row['id']}").json()["state"] == "revoking"

    assert mine.post("kafka-credentials", {"name": "more"}).status_code == 400
    KafkaCredential.objects.filter(pk=row["id"]).update(state="revoked")
    assert mine.post("kafka-credentials", {"name": "more"}).status_code == 202


def test_deleting_answers_202_until_kafka_has_confirmed(mine):
    [row] = mine.get("kafka-credentials").json()["data"]

    answer = mine.delete(f"kafka-credentials/{row['id']}")

    assert answer.status_code == 202
    assert (answer.json()["deleted"], answer.json()["state"]) == (False, "revoking")


def test_deleting_answers_200_when_kafka_has_confirmed(mine, monkeypatch):
    def confirm(ids, states, _limit_s):
        KafkaCredential.objects.filter(pk__in=ids).update(state=states[0])
        return True

    monkeypatch.setattr("accounts.credentials.await_state", confirm)
    [row] = mine.get("kafka-credentials").json()["data"]

    answer = mine.delete(f"kafka-credentials/{row['id']}")

    assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    assert mine.get("kafka-credentials").json()["data"] == []
    assert mine.delete(f"kafka-credentials/{row['id']}").status_code == 404


def test_rotating_gives_another_password_once(mine):
    [row] = mine.get("kafka-credentials").json()["data"]

    answer = mine.post(f"kafka-credentials/{row['id']}/rotate")

    assert answer.status_code == 202
    assert answer.json()["data"]["kafka_username"] == row["kafka_username"]
    assert len(answer.json()["data"]["kafka_password"]) == 32


def test_what_is_suspended_is_not_rotated(mine):
    [row] = mine.get("kafka-credentials").json()["data"]
    KafkaCredential.objects.update(state="suspended")

    assert mine.post(f"kafka-credentials/{row['id']}/rotate").status_code == 409


@pytest.mark.parametrize("wanted", ["foreign", "email", "nothing", "no id"])
@pytest.mark.parametrize("act", ["delete", "rotate"])
def test_what_is_not_ones_own_named_credential_is_not_found(act, wanted, mine, stranger):
    made = stranger.post("kafka-credentials", {"name": "theirs"}).json()["data"]
    found = {
        "foreign": made["id"],
        "email": KafkaCredential.objects.get(kind="email").pk,
        "nothing": uuid.uuid4(),
        "no id": "x",
    }[wanted]
    path = f"kafka-credentials/{found}"
    answer = mine.delete(path) if act == "delete" else mine.post(f"{path}/rotate")

    assert answer.status_code == 404
    assert answer.json()["message"]
    assert KafkaCredential.objects.get(pk=made["id"]).state == "wanted"


def test_a_token_is_shown_once_and_works(mine):
    made = mine.post("tokens", {"name": "laptop"}).json()
    listed = mine.get("tokens").json()

    assert re.fullmatch(r"bbml_[A-Za-z0-9]{36}", made["access_token"])
    assert made["expires_at"] - made["created_at"] == 365 * 86_400
    assert [set(row) & {"access_token"} for row in listed] == [set()]
    assert listed[0]["last_used_at"] is None
    assert Api(made["access_token"]).get("profile").status_code == 200
    assert mine.get("tokens").json()[0]["last_used_at"] is not None
    assert made["access_token"][5:] not in whole_database()


@pytest.mark.parametrize(
    ("body", "field"),
    [({"name": ""}, "name"), ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
     ({"name": "x", "expires_in_days": 1096}, "expires_in_days"),
     ({"name": "x", "expires_in_days": "soon"}, "expires_in_days"),
     ({"name": "x", "expires_in_days": 1.5}, "expires_in_days"),
     ({"name": "x", "expires_in_days": 10**30}, "expires_in_days"),
     ({"name": "x", "expires_in_days": None}, "expires_in_days")],
)  # fmt: skip
def test_a_token_that_cannot_be_is_refused(body, field, mine):
    answer = mine.post("tokens", body)

    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("days", [1, 1095])
def test_the_bounds_of_days_are_inclusive(days, mine):
    made = mine.post("tokens", {"name": "x", "expires_in_days": days}).json()

    assert made["expires_at"] - made["created_at"] == days * 86_400


def test_a_name_is_given_to_one_token_of_an_account(mine, stranger):
    assert mine.post("tokens", {"name": "x"}).status_code == 200
    assert mine.post("tokens", {"name": "x"}).status_code == 400
    assert stranger.post("tokens", {"name": "x"}).status_code == 200


def test_the_eleventh_token_is_refused(mine):
    statuses = [mine.post("tokens", {"name": str(i)}).status_code for i in range(11)]

    assert statuses == [200] * 10 + [400]


def test_expired_tokens_take_no_place(mine):
    for i in range(10):
        mine.post("tokens", {"name": str(i)})
    AccessToken.objects.exclude(name="9").update(expires_at=Now() - timedelta(seconds=1))

    statuses = [mine.post("tokens", {"name": f"new {i}"}).status_code for i in range(10)]

    assert statuses == [200] * 9 + [400]


def test_the_name_of_an_expired_token_is_free_again(mine):
    mine.post("tokens", {"name": "x"})
    AccessToken.objects.update(expires_at=Now() - timedelta(seconds=1))

    made = mine.post("tokens", {"name": "x"})

    assert made.status_code == 200
    assert Api(made.json()["access_token"]).get("profile").status_code == 200
    assert AccessToken.objects.count() == 1


def test_an_expired_token_opens_nothing(mine):
    token = mine.post("tokens", {"name": "x"}).json()["access_token"]
    AccessToken.objects.update(expires_at=Now() - timedelta(seconds=1))

    assert Api(token).get("profile").status_code == 401


def test_a_deleted_token_opens_nothing(mine):
    made = mine.post("tokens", {"name": "x"}).json()

    assert mine.delete(f"tokens/{made['id']}").status_code == 200
    assert Api(made["access_token"]).get("profile").status_code == 401


@pytest.mark.parametrize("wanted", ["foreign", "nothing", "no id"])
def test_what_is_not_ones_own_token_is_not_found(wanted, mine, stranger):
    made = stranger.post("tokens", {"name": "theirs"}).json()
    found = {"foreign": made["id"], "nothing": uuid.uuid4(), "no id": "x"}[wanted]

    answer = mine.delete(f"tokens/{found}")

    assert answer.status_code == 404
    assert set(answer.json()) >= {"message", "error"}
    assert AccessToken.objects.count() == 1


def test_uses_are_noted_at_most_once_a_minute(mine):
    token = mine.post("tokens", {"name": "x"}).json()["access_token"]
    Api(token).get("profile")
    first = AccessToken.objects.get().last_used_at
    Api(token).get("profile")

    assert AccessToken.objects.get().last_used_at == first
    AccessToken.objects.update(last_used_at=Now() - timedelta(minutes=2))
    Api(token).get("profile")
    assert AccessToken.objects.get().last_used_at >= first
