"""An account deletes itself through REST: with its password, at once, and for good."""

import json

import pytest

from accounts import deletion
from accounts.models import AuditEntry, BabamulUser, KafkaCredential
from tests.integration.accounts.conftest import EMAIL, Api

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def leave(api, body):
    return api.client.delete("/babamul/profile", json.dumps(body), "application/json")


def test_the_right_password_ends_everything_at_once(mine, person):
    personal = mine.post("tokens", {"name": "laptop"}).json()["access_token"]

    answer = leave(mine, {"password": person["password"]})

    assert answer.status_code == 202  # nobody works for Kafka in this test
    assert (answer.json()["deleted"], answer.json()["state"]) == (False, "deleting")
    assert set(KafkaCredential.objects.values_list("state", flat=True)) == {"revoking"}
    assert [each.get("profile").status_code for each in (mine, Api(personal))] == [401, 401]
    again = Api().post("auth", {"email": EMAIL, "password": person["password"]})
    assert again.status_code == 401
    assert AuditEntry.objects.filter(action="delete").exists()


def test_it_says_deleted_once_kafka_has_confirmed(mine, person, monkeypatch):
    def confirm(*_):
        KafkaCredential.objects.update(state="revoked")
        deletion.finish_all()

    monkeypatch.setattr("accounts.credentials.await_state", confirm)
    monkeypatch.setattr(deletion, "group_names", lambda _: [])

    answer = leave(mine, {"password": person["password"]})

    assert (answer.status_code, answer.json()["deleted"]) == (200, True)
    assert not BabamulUser.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize(
    ("body", "status"), [({}, 400), ({"password": ""}, 400), ({"password": "wrong"}, 403)]
)
def test_without_the_password_nothing_happens(body, status, mine):
    answer = leave(mine, body)

    assert (answer.status_code, list(answer.json()["errors"])) == (status, ["password"])
    assert mine.get("profile").status_code == 200


def test_guesses_are_limited_like_those_of_a_log_in(mine, person):
    statuses = [leave(mine, {"password": "wrong"}).status_code for _ in range(6)]

    assert statuses == [403] * 5 + [429]
    assert leave(mine, {"password": person["password"]}).status_code == 429
