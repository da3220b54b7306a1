"""What the demo has in place of accounts elsewhere, and when."""

from collections import defaultdict

import pytest

from broker.config import build
from compose.native import ours, standins
from compose.native.home import Home
from compose.native.parts import Parts
from compose.native.ports import settled
from compose.native.profile import Profile
from pipeline import standins as shown
from pipeline.gw.telescopes import telescope
from pipeline.simulate.lasair import TOPICS

PASSWORDS = defaultdict(lambda: "horse-battery-7")
REAL = {
    "slack": {"NIGHTJAR_SLACK__TOKEN": "xoxb-theirs"},
    "webdav": {"NIGHTJAR_OWNCLOUD__URL": "https://cloud.example.org/dav"},
    "alerce": {"NIGHTJAR_LASAIR__TOPICS": '[{"name": "lasair_2mine", "survey": "ztf"}]'},
    "s3": {"NIGHTJAR_S3__BUCKET": "theirs"},
}


def demo(**chosen):
    """Return the settings of a demo for somebody who has chosen these."""
    settings = build(chosen)
    return build(chosen | standins.variables(settings, settled(settings), PASSWORDS))


TITLES = {"slack": "Slack", "webdav": "OwnCloud", "s3": "S3"}


@pytest.mark.parametrize("real", REAL)
def test_nothing_stands_in_for_what_is_real(real):
    chosen = REAL[real]
    settings = demo(**chosen)

    others = [name for name in ("slack", "webdav", "alerce", "s3") if name != real]
    assert list(standins.names(build(chosen))) == others
    titles = [each.title for each in shown.found(settings)]
    assert titles == [TITLES[name] for name in others if name in TITLES]
    assert settings.slack.token.get_secret_value() == "xoxb-theirs" or real != "slack"
    assert settings.owncloud.mocks == (real != "webdav")
    assert [topic.name for topic in settings.lasair.topics] == (
        ["lasair_2mine"] if real == "alerce" else list(TOPICS)
    )


@pytest.mark.parametrize(
    ("chosen", "readers"),
    [
        ({}, (standins.MORNING_READER,)),
        ({"NIGHTJAR_MAIL__HOST": "mail.example.org"}, ()),
        ({"NIGHTJAR_WATCH__MAIL_TO": "dora@example.org"}, ("dora@example.org",)),
    ],
)
def test_the_morning_is_told_into_the_folder_and_to_no_stranger(chosen, readers):
    assert demo(**chosen).watch.mail_to == readers


def test_workers_of_the_demo_have_a_login_for_its_s3_and_no_other():
    (worker,) = [each for each in ours.processes(build()) if each.name == "worker-sinks"]

    assert standins.with_login(worker, build()).environment.items() >= standins.S3_LOGIN.items()
    assert standins.with_login(worker, build(REAL["s3"])) == worker


def test_only_the_demo_starts_them(tmp_path):
    settings = build()
    parts = [
        Parts.of(Home(tmp_path), Profile(settled(settings), False, False, is_demo), settings)
        for is_demo in (False, True)
    ]

    without, with_them = ({each.name for each in each.processes} for each in parts)
    assert without == {each.name for each in ours.processes(settings)}
    assert with_them - without == {"slack", "webdav", "alerce", "s3", "listen-lasair"}


def test_the_demo_leads_to_their_ports_and_lets_mocks_plan():
    settings = demo(NIGHTJAR_NATIVE__SLACK_PORT="1008", NIGHTJAR_NATIVE__WEBDAV_PORT="1009")

    assert settings.slack.base_url == "http://127.0.0.1:1008/api/"
    assert settings.owncloud.url.startswith("http://127.0.0.1:1009/")
    assert settings.gw.plan_mocks
    strategies = [group.strategy for group in settings.gw.plan_groups]
    assert strategies == ["tiling", "galaxies"]
    assert [
        telescope(name).is_reviewed
        for group in settings.gw.plan_groups
        for name in group.telescopes
    ] == [True, True]


def test_the_demos_filters_are_on_our_own_broker_and_their_images_at_the_stand_in():
    settings = demo(NIGHTJAR_NATIVE__ALERCE_PORT="1011")

    assert settings.lasair.own_topics == settings.lasair.topics
    alerce = settings.alerce
    places = {alerce.ztf_url, alerce.ztf_stamps_url, alerce.lsst_url}
    assert places == {"http://127.0.0.1:1011/ztf/v1", "http://127.0.0.1:1011"}


def test_groups_that_somebody_chose_stay():
    chosen = '[{"telescopes": ["TRE"], "max_tiles": [5], "strategy": "tiling"}]'

    (group,) = demo(NIGHTJAR_GW__PLAN_GROUPS=chosen).gw.plan_groups

    assert group.telescopes == ("TRE",)


def test_without_settings_nothing_stands_in():
    assert shown.found(build()) == []
