"""What doctor says of Slack, OwnCloud, GCN and galaxies, each asked over its own protocol."""

import json

import pytest
from nightjar_telescope.messages import KINDS
from nightjar_telescope.schema import schema_text

from broker.config import build
from broker.kafka_login import LoginOutcome, try_gcn
from compose.native import outside
from pipeline.gw import hosts
from tests.integration.telescope.conftest import records
from tests.slack import serving
from tests.slack import settings as slack_settings
from tests.standins.s3_server import KEY, SECRET, s3_server
from tests.standins.schema_registry import busy, looking_up
from tests.standins.webdav_server import PASSWORD, USER, webdav_server

pytestmark = pytest.mark.integration
NOBODY = "127.0.0.1:1"


@pytest.fixture
def standin(tmp_path):
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def dav(tmp_path):
    (tmp_path / "dav").mkdir()
    with webdav_server(tmp_path / "dav") as running:
        yield running


def owncloud(dav, **changed):
    given = {"URL": dav.settings().url, "USER": USER, "PASSWORD": PASSWORD} | changed
    return build({f"NIGHTJAR_OWNCLOUD__{name}": value for name, value in given.items()})


@pytest.mark.parametrize(
    ("say", "where"),
    [
        (outside.slack, "slack.token is not set: nobody is told of GW events; see docs/slack.md"),
        (outside.owncloud, "owncloud.url is not set: no files are shared; see docs/owncloud.md"),
        (outside.s3, "s3.bucket is not set: tables, images and packets lie on this machine alone"),
        (outside.schemas, "[telescopes.NAME] is not set: no telescope is commanded; see docs/tel"),
        (outside.gcn, "gcn.client_id is not set: notices are read on our own broker only"),
    ],
)
def test_what_is_not_set_is_no_fault_and_says_what_goes_without(say, where):
    need = say(build({}))

    assert need.is_met
    assert need.text.startswith(where)


def test_a_token_that_slack_refuses_is_named_and_not_shown(standin):
    need = outside.slack(build(slack_settings(standin) | {"NIGHTJAR_SLACK__TOKEN": "xoxb-wrong"}))

    assert not need.is_met
    assert "invalid_auth" in need.text
    assert "xoxb" not in need.text


def test_a_right_that_the_app_lacks_is_named(standin):
    standin.workspace.scopes = [each for each in standin.workspace.scopes if each != "files:write"]
    need = outside.slack(build(slack_settings(standin)))

    assert not need.is_met
    assert need.text.startswith("the app lacks files:write: add")


def test_slack_with_every_right_is_well(standin):
    need = outside.slack(build(slack_settings(standin)))

    assert need.is_met
    assert "C0GW" in need.text


def test_slack_that_is_away_is_said(standin):
    address = {"NIGHTJAR_SLACK__BASE_URL": f"http://{NOBODY}/api/"}
    need = outside.slack(build(slack_settings(standin) | address))

    assert not need.is_met
    assert "Connection refused" in need.text


def test_a_login_that_owncloud_refuses_is_named_and_not_shown(dav):
    need = outside.owncloud(owncloud(dav, PASSWORD="horse-battery-8"))

    assert not need.is_met
    assert "401" in need.text
    assert "horse" not in need.text


def test_owncloud_that_is_away_is_said(dav):
    assert not outside.owncloud(owncloud(dav, URL=f"http://{NOBODY}/")).is_met


def test_a_login_to_owncloud_needs_no_folder(dav):
    assert outside.owncloud(owncloud(dav)).is_met
    assert dav.folders() == set()


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with s3_server() as running:
        yield running


def s3(server, **changed):
    given = {"bucket": server.bucket, "endpoint_url": server.settings().endpoint_url} | changed
    return build({f"NIGHTJAR_S3__{name.upper()}": value for name, value in given.items()})


def test_a_bucket_that_is_there_is_well(bucket):
    need = outside.s3(s3(bucket, region="us-east-1"))

    assert need.is_met
    assert need.text == f"the bucket {bucket.bucket} is there; no stranger may read it"


def test_a_bucket_that_is_not_there_is_named(bucket):
    need = outside.s3(s3(bucket, bucket="nightjar-nowhere"))

    assert not need.is_met
    assert "there is no bucket nightjar-nowhere" in need.text


def test_a_bucket_that_should_be_private_and_is_not_is_said(bucket):
    bucket.client.put_bucket_acl(Bucket=bucket.bucket, ACL="public-read")

    assert outside.s3(s3(bucket)).text.endswith("strangers may read it")
    assert not outside.s3(s3(bucket, private="true")).is_met


def test_an_s3_that_is_away_is_said(bucket):
    need = outside.s3(s3(bucket, endpoint_url=f"http://{NOBODY}"))

    assert not need.is_met
    assert "Could not connect" in need.text


@pytest.mark.parametrize(
    ("outcome", "is_met", "words"),
    [
        (LoginOutcome.REFUSED, False, "mend gcn.client_id"),
        (LoginOutcome.UNREACHABLE, False, "manage.py notice FILE"),
        (LoginOutcome.ACCEPTED, True, "gcn.nasa.gov: login accepted"),
    ],
)
def test_what_gcn_says_of_the_login_is_told_with_what_to_do(outcome, is_met, words):
    settings = build({"NIGHTJAR_GCN__CLIENT_ID": "a", "NIGHTJAR_GCN__CLIENT_SECRET": "b"})
    need = outside.gcn(settings, lambda _: outcome)

    assert need.is_met == is_met
    assert words in need.text


def test_a_broker_that_nobody_runs_is_unreachable(monkeypatch):
    monkeypatch.setattr("broker.kafka_login.gcn_connection", lambda: {"bootstrap.servers": NOBODY})

    assert try_gcn(0.5) is LoginOutcome.UNREACHABLE


@pytest.mark.parametrize("is_loaded", [False, True])
def test_galaxies_are_asked_of_the_database(session, monkeypatch, is_loaded):
    monkeypatch.setattr(hosts, "is_loaded", lambda _: is_loaded)
    need = outside.galaxies()

    assert need.is_met
    assert ("load_catalog galaxies FILE" in need.text) != is_loaded


def test_telescopes_of_the_settings_are_looked_up_in_the_table():
    groups = [
        {"telescopes": ["NOSUCH", "Colibri"], "max_tiles": [10, 10], "strategy": "tiling"},
    ]
    need = outside.telescopes(build({"NIGHTJAR_GW__PLAN_GROUPS": json.dumps(groups)}))

    assert not need.is_met
    assert need.text == (
        "gw.plan_groups: not planned, for the table has no NOSUCH: the names stand at /gw/telescopes"
    )
    assert outside.telescopes(build({})).text == "8 are planned by themselves"


@pytest.fixture
def bus():
    """Settings of a telescope, with a registry that has what ``known`` gives it."""
    with looking_up({}, {}) as server:
        given = {
            "NIGHTJAR_TELESCOPES": records("tca"),
            "NIGHTJAR_REGISTRY__URL": server.url,
        }
        yield server, build(given)


def test_schemas_that_are_registered_are_well(bus):
    server, settings = bus
    for number, kind in enumerate(KINDS):
        server.known["schemas"][number] = schema_text(kind.message)
        server.known["subjects"][f"telescope.tca.{kind.topic_end}-value"] = number

    need = outside.schemas(settings)

    assert need.is_met
    assert need.text == f"{server.url} has all 4"


def test_schemas_that_are_missing_are_named_with_what_to_do(bus):
    server, settings = bus
    server.known["schemas"][7] = schema_text(KINDS[0].message)
    server.known["subjects"]["telescope.tca.commands-value"] = 7

    need = outside.schemas(settings)

    assert not need.is_met
    assert "lacks telescope.tca.acknowledgments-value, 3 of 4: manage.py generate" in need.text
    assert "its whole path, as http://localhost:8081/apis/ccompat/v7" in need.text


def test_a_registry_that_is_away_is_said(bus):
    server, settings = bus
    server.known["fault"] = busy

    need = outside.schemas(settings)

    assert not need.is_met
    assert "503; here: compose/native up registry" in need.text
