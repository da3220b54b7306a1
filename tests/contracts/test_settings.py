"""Every setting is described, listed in the examples, and derived settings are sound."""

import io
import tomllib

import pytest
from django.conf import settings as django_settings
from dotenv import dotenv_values

from broker.config import build
from broker.config_examples import (
    FOLLOW_UP,
    env_example,
    examples,
    follow_up_page,
    settings,
    toml_example,
)
from broker.settings import database
from tests.database import run_command

ALIASES = {
    "SQLALCHEMY_DATABASE_URI": "postgresql+psycopg://a:b@c:1/d",
    "DATABASE_URL": "postgresql://a:b@c:1/d",
    "CELERY_BROKER_URL": "redis://:b@c:1/2",
    "REDIS_URL": "redis://:b@c:1/2",
    "FINK_SLACK_TOKEN": "xoxb-1",
}


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.name)
def test_the_committed_example_is_what_the_fields_say(path):
    assert path.read_text() == examples()[path]


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.variable)
def test_a_setting_is_described_and_listed(setting):
    assert setting.text
    assert "None" not in setting.text
    assert f"{setting.variable}=" in env_example()
    assert f"{setting.path[-1]} =" in toml_example()


@pytest.mark.parametrize("section", FOLLOW_UP)
def test_the_guide_lists_every_setting_of_the_follow_up(section):
    page = follow_up_page().splitlines()

    for setting in settings():
        if setting.path[0] == section:
            [line] = [row for row in page if row.startswith(f"| `{setting.variable}` |")]
            assert line.count("|") - line.count("\\|") == 4


def test_the_environment_example_uncommented_gives_the_defaults():
    lines = [line[1:] for line in env_example().splitlines() if line.startswith("#NIGHTJAR_")]
    values = dotenv_values(stream=io.StringIO("\n".join(lines)))

    assert build({name: text or "" for name, text in values.items()}) == build()


def test_the_toml_example_gives_the_defaults():
    assert build(toml=tomllib.loads(toml_example())) == build()


def test_the_toml_example_gives_no_secret():
    given = tomllib.loads(toml_example())

    for setting in settings():
        if setting.is_secret:
            section = given
            for name in setting.path[:-1]:
                section = section[name]
            assert setting.path[-1] not in section


@pytest.mark.parametrize("name", ALIASES)
def test_an_alias_in_the_example_is_understood(name):
    assert name in env_example()
    assert build({name: ALIASES[name]}) != build()


def test_the_database_url_is_taken_apart_with_its_options():
    found = database("postgresql://user:p%40ss@host:5433/name?sslmode=require")

    assert found["NAME"] == "name"
    assert found["PASSWORD"] == "p@ss"
    assert (found["HOST"], found["PORT"]) == ("host", "5433")
    assert found["OPTIONS"]["sslmode"] == "require"


def test_times_are_aware_and_in_utc():
    assert (django_settings.USE_TZ, django_settings.TIME_ZONE) == (True, "UTC")


@pytest.mark.slow
@pytest.mark.parametrize("app", ["broker", "accounts", "pipeline"])
def test_a_package_imports_without_environment_and_servers(app):
    code = f"import os; os.environ.clear(); import {app}, broker.settings"

    done = run_command("postgresql://nobody@192.0.2.1:1/none", "-c", code)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_served_over_https_django_finds_nothing_unsafe(monkeypatch):
    monkeypatch.setenv("NIGHTJAR_WEB__PUBLIC_URL", "https://nightjar.invalid")
    check = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    done = run_command("postgresql://nobody@192.0.2.1:1/none", *check)

    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_web_process_refuses_to_sign_with_a_key_of_its_own(monkeypatch):
    monkeypatch.setenv("NIGHTJAR_WEB__SECRET_KEY", "")

    done = run_command("postgresql://nobody@192.0.2.1:1/none", "-c", "import broker.wsgi")

    assert done.returncode == 1
    assert "web.secret_key is empty: set NIGHTJAR_WEB__SECRET_KEY" in done.stderr
