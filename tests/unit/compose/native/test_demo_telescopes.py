"""Which telescopes a demo has, who plays them, and when it has none."""

import json
from collections import defaultdict

import pytest

from broker.config import build
from broker.sections.telescope import BEAM
from compose.native import environment, profile, standins
from compose.native.parts import Parts
from compose.native.ports import settled
from compose.native.profile import Profile
from pipeline.simulate import observatory
from pipeline.telescope.record import telescopes

PASSWORDS = defaultdict(lambda: "horse-battery-7")
THEIRS = {"NIGHTJAR_TELESCOPES": json.dumps({"mine": BEAM.model_dump(mode="json")})}
OF_THE_BUS = {
    *("listen-telescope", "listen-telescope_data"),
    *("worker-commands", "worker-telescope_data"),
}


def chosen(settings, **how):
    return Profile(settled(settings), is_free=False, is_throwaway=False, **how)


def names(home, settings, **how):
    parts = Parts.of(home, chosen(settings, **how), settings)
    return {each.name for each in parts.processes}


def test_a_plain_demo_has_no_telescopes(home):
    values = environment.variables(home, chosen(build(), is_demo=True), PASSWORDS, build())

    assert [name for name in values if "TELESCOPE" in name] == []
    assert OF_THE_BUS.isdisjoint(names(home, build(), is_demo=True))


def test_a_demo_with_telescopes_listens_to_them_and_plays_every_application_but_one(home):
    how = {"is_demo": True, "is_telescope": True}
    values = environment.variables(home, chosen(build(), **how), PASSWORDS, build())
    settings = build(values)

    assert observatory.is_here(settings)
    assert not observatory.is_here(build())
    more = names(home, build(), **how) - names(home, build(), is_demo=True)
    assert more - OF_THE_BUS == {f"simulate-{each.principal}" for each in observatory.players()}
    assert more >= OF_THE_BUS
    played = {(each.telescope, each.application) for each in observatory.players()}
    known = {(t.name, a.name) for t in telescopes(settings) for a in t.settings.applications}
    assert known - played == {(observatory.AWAY, "robotics")}
    assert played < known


def test_a_player_logs_in_with_its_own_file(home):
    (player, *_) = [one for one in observatory.players() if one.telescope == "tca"]
    (process,) = [
        one for one in standins.players(build(), home) if one.name == "simulate-tca.robotics"
    ]

    assert str(observatory.login_file(home.path, player)) in process.argv
    assert process.argv[process.argv.index("--name") + 1] == "tca"


def test_telescopes_of_somebodys_own_are_left_alone(home):
    settings = build(THEIRS)
    how = {"is_demo": True, "is_telescope": True}

    values = environment.variables(home, chosen(settings, **how), PASSWORDS, settings)

    assert [name for name in values if "TELESCOPE" in name] == []
    assert standins.players(settings, home) == ()
    assert names(home, settings, **how) >= OF_THE_BUS


def test_a_silence_is_longer_than_what_the_board_waits_for(home):
    assert observatory.SILENT_S > 2 * observatory.STALE_AFTER_S
    assert observatory.ALARM_AFTER_S < observatory.SILENT_S


def test_telescopes_are_remembered_until_down(home):
    demo = chosen(build(), is_demo=True, is_telescope=True)
    profile.save(home, demo)

    assert profile.remembered(home) == demo


@pytest.mark.parametrize(("token", "is_told"), [("", True), ("xoxb-theirs", False)])
def test_only_the_stand_in_for_slack_has_a_channel_for_operators(token, is_told):
    settings = build({"NIGHTJAR_SLACK__TOKEN": token})

    values = standins.of_telescopes(settings)

    assert ("NIGHTJAR_SLACK__OPERATORS_CHANNEL" in values) == is_told
