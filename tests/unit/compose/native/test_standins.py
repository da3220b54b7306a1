"""What the demo has in place of accounts elsewhere, and when."""

from collections import defaultdict

import pytest

from broker.config import build
from compose.native import ours, standins
from compose.native.home import Home
from compose.native.lifecycle import Parts
from compose.native.ports import settled
from compose.native.profile import Profile
from pipeline import standins as shown
from pipeline.gw.telescopes import telescope

PASSWORDS = defaultdict(lambda: "horse-battery-7")
REAL = {
    "slack": {"NIGHTJAR_SLACK__TOKEN": "xoxb-theirs"},
    "webdav": {"NIGHTJAR_OWNCLOUD__URL": "https://cloud.example.org/dav"},
}


def demo(**chosen):
    """Return the settings of a demo for somebody who has chosen these."""
    settings = build(chosen)
    return build(chosen | standins.variables(settings, settled(settings), PASSWORDS))


@pytest.mark.parametrize(("real", "other"), [("slack", "webdav"), ("webdav", "slack")])
def test_nothing_stands_in_for_what_is_real(real, other):
    chosen = REAL[real]
    settings = demo(**chosen)

    assert standins.names(build(chosen)) == (other,)
    assert [each.title.lower() for each in shown.found(settings)] == [
        {"webdav": "owncloud", "slack": "slack"}[other]
    ]
    assert settings.slack.token.get_secret_value() == "xoxb-theirs" or real != "slack"
    assert settings.owncloud.mocks == (other == "webdav")


def test_only_the_demo_starts_them(tmp_path):
    settings = build()
    parts = [
        Parts.of(Home(tmp_path), Profile(settled(settings), False, False, is_demo), settings)
        for is_demo in (False, True)
    ]

    without, with_them = ({each.name for each in each.processes} for each in parts)
    assert without == {each.name for each in ours.processes(settings)}
    assert with_them - without == {"slack", "webdav"}


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


def test_groups_that_somebody_chose_stay():
    chosen = '[{"telescopes": ["TRE"], "max_tiles": [5], "strategy": "tiling"}]'

    (group,) = demo(NIGHTJAR_GW__PLAN_GROUPS=chosen).gw.plan_groups

    assert group.telescopes == ("TRE",)


def test_without_settings_nothing_stands_in():
    assert shown.found(build()) == []
