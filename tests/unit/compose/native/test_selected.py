"""Who starts the schema registry, and how selected alerts leave in a demo."""

import json
from collections import defaultdict

import pytest

from broker.config import build
from broker.sections.telescope import BEAM
from compose.native import doctor, environment, lifecycle, profile, selected
from compose.native.home import NativeError
from compose.native.parts import Parts
from compose.native.ports import settled
from compose.native.profile import Profile

PASSWORDS = defaultdict(lambda: "horse-battery-7")
CONTAINER = {"NIGHTJAR_SELECTED__WIRE": "container"}
OTHERS = {"NIGHTJAR_REGISTRY__URL": "https://registry.example.org/apis/ccompat/v7"}
TELESCOPES = {"NIGHTJAR_TELESCOPES": json.dumps({"beam": BEAM.model_dump(mode="json")})}
NO_FILTER = {"NIGHTJAR_SELECTED__EXTENDEDNESS__ENABLED": "false"}


def chosen(settings, **how):
    return Profile(settled(settings), is_free=False, is_throwaway=False, **how)


def test_a_real_installation_frames_selected_alerts_as_confluent_does():
    assert build().selected.wire == "confluent"


@pytest.mark.parametrize(
    "name", ["worker-alerts", "worker-upkeep", "worker-sinks", "listen-selected"]
)
def test_whoever_writes_or_reads_selected_alerts_needs_the_registry(name):
    assert selected.needs_registry({name}, chosen(build()), build())


@pytest.mark.parametrize("values", [CONTAINER, OTHERS, NO_FILTER], ids=["wire", "url", "filter"])
def test_nobody_needs_ours_where_none_is_asked(values):
    settings = build(values)

    assert not selected.needs_registry(selected.ASKING, chosen(settings), settings)


@pytest.mark.parametrize("name", sorted(selected.OF_TELESCOPES))
def test_whoever_speaks_with_telescopes_needs_it_whatever_the_wire(name):
    settings = build(CONTAINER | TELESCOPES)

    assert selected.needs_registry({name}, chosen(settings), settings)
    assert not selected.needs_registry({name}, chosen(build(CONTAINER)), build(CONTAINER))
    assert not selected.needs_registry({name}, chosen(settings, is_demo=True), settings)


def test_the_processes_of_the_bus_are_ours(home):
    settings = build(TELESCOPES)

    assert set(Parts.of(home, chosen(settings), settings).names) >= selected.OF_TELESCOPES


def test_other_parts_need_none():
    assert not selected.needs_registry({"kafka", "web", "beat"}, chosen(build()), build())


def test_every_process_that_asks_is_one_of_ours(home):
    parts = Parts.of(home, chosen(build()), build())

    assert set(parts.names) >= selected.ASKING


@pytest.mark.parametrize(("is_registry", "wire"), [(False, "container"), (True, "confluent")])
def test_a_demo_has_a_registry_only_where_it_is_named(home, is_registry, wire):
    demo = chosen(build(), is_demo=True, is_registry=is_registry)

    values = environment.variables(home, demo, PASSWORDS, build())

    assert values["NIGHTJAR_SELECTED__WIRE"] == wire
    assert selected.needs_registry(selected.ASKING, demo, build()) == is_registry


def test_what_a_demo_was_started_with_is_remembered(home):
    demo = chosen(build(), is_demo=True, is_registry=True)
    profile.save(home, demo)

    assert profile.remembered(home) == demo


def test_a_registry_of_others_keeps_its_address(home):
    settings = build(OTHERS)

    values = environment.variables(home, chosen(settings), PASSWORDS, settings)

    assert "NIGHTJAR_REGISTRY__URL" not in values
    assert "NIGHTJAR_SELECTED__WIRE" not in values
    assert environment.variables(home, chosen(build()), PASSWORDS, build())[
        "NIGHTJAR_REGISTRY__URL"
    ].endswith(":8081/apis/ccompat/v7")


@pytest.mark.parametrize(("values", "is_told"), [({}, True), (CONTAINER, False)])
def test_doctor_tells_of_the_registry_where_parts_ask_it(home, monkeypatch, values, is_told):
    settings = build(values)
    profile.save(home, chosen(settings))
    monkeypatch.setattr(doctor, "read_config", lambda **_: settings)
    monkeypatch.setattr(lifecycle, "read_config", lambda **_: settings)

    assert (":registry" in {need.name for need in doctor._listening(home)}) == is_told


@pytest.fixture
def starts(monkeypatch, home):
    """What ``up`` starts, in order; the registry cannot be had."""
    found = []

    def start(_home, part):
        if part.name == "registry":
            raise NativeError("a network is needed once")
        found.append(part.name)
        return part.name

    monkeypatch.setattr(lifecycle, "start_server", start)
    monkeypatch.setattr(lifecycle, "start_process", start)
    monkeypatch.setattr(lifecycle, "read_config", lambda **_: build())
    return found


def test_a_registry_that_cannot_be_had_keeps_nothing_from_starting(home, starts, capsys):
    lifecycle.up(home, ["listen-selected"], is_free=False, is_throwaway=False)

    assert starts == ["postgres", "listen-selected"]
    said = capsys.readouterr().err
    assert "a network is needed once" in said
    assert "what asks it waits" in said


def test_whoever_names_it_is_told_that_it_failed(home, starts):
    with pytest.raises(NativeError, match="a network is needed once"):
        lifecycle.up(home, ["registry", "web"], is_free=False, is_throwaway=False)

    assert starts == ["postgres"]
