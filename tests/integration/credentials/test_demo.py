"""The demo's credentials are rows of an account, granted again at each run."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from accounts import passwords
from accounts.models import BabamulUser, KafkaCredential
from broker import kafka_admin
from broker.config import config

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


def run(file):
    return json.loads(call_command("demo_credentials", "--file", str(file)))


def may_log_in(reader):
    servers = config().kafka.public_servers
    outcome = kafka_admin.try_login(reader["username"], reader["password"], servers)
    return outcome is kafka_admin.LoginOutcome.ACCEPTED


def test_a_run_makes_an_account_with_two_credentials(bell, make_person, tmp_path):
    made = run(tmp_path / "demo.json")

    user = BabamulUser.objects.get(email="demo@nightjar.invalid")
    assert user.state == "active"
    assert passwords.matches(made["readers"][0]["password"], user.password)
    assert {row.state for row in KafkaCredential.objects.filter(user=user)} == {"active"}
    assert all(may_log_in(reader) for reader in made["readers"])
    assert User.objects.get(username="admin").check_password(made["staff_password"])


def test_a_second_run_brings_the_same_passwords_back(bell, make_person, tmp_path):
    made = run(tmp_path / "demo.json")
    kafka_admin.revoke(made["readers"][0]["username"])
    kafka_admin.suspend(made["readers"][1]["username"])

    assert run(tmp_path / "demo.json") == made
    assert all(may_log_in(reader) for reader in made["readers"])
    assert KafkaCredential.objects.count() == 2


def test_its_file_is_its_owners_alone(bell, make_person, tmp_path):
    run(tmp_path / "demo.json")

    assert (tmp_path / "demo.json").stat().st_mode & 0o777 == 0o600
