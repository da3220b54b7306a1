"""Notices beside the schema that their senders publish."""

import socket

import pytest

from pipeline.gw import notice_schema
from pipeline.gw.notice_schema import LONGEST_PROBLEM, MOST_PROBLEMS, problems
from tests.gw_notices import NAMES, as_bytes, make_notice, raw


@pytest.mark.parametrize(
    ("event", "given", "told"),
    [
        ({"far": None}, {}, "event.far: not of type 'number'"),
        ({"instruments": "H1"}, {}, "event.instruments: not of type 'array'"),
        ({"classification": {"BNS": "x"}}, {}, "event.classification.BNS: not of type 'number'"),
        ({}, {"urls": {"gracedb": 5}}, "urls.gracedb: not of type 'string'"),
        ({}, {"superevent_id": 5}, "superevent_id: not of type 'string'"),
    ],
)
def test_what_departs_is_named_with_its_place(event, given, told):
    assert problems(as_bytes(make_notice(event, **given))) == told


def test_what_is_missing_is_named_at_the_top_and_inside():
    made = make_notice()
    del made["urls"], made["event"]["search"]

    assert problems(as_bytes(made)) == (
        "event: 'search' is a required property; the notice: 'urls' is a required property"
    )


def test_a_joint_event_is_looked_at_too():
    told = problems(as_bytes(make_notice(external_coinc={"observatory": "Fermi"})))

    assert "external_coinc: 'ivorn' is a required property" in (told or "")


def test_a_large_thing_in_the_wrong_place_is_not_repeated():
    told = problems(as_bytes(make_notice({"properties": "A" * 1_000_000})))

    assert told == "event.properties: not of type 'object'"


def test_a_name_without_end_and_many_faults_are_cut():
    classes = {f"{number}{'x' * 1000}": "?" for number in range(MOST_PROBLEMS + 2)}
    told = problems(as_bytes(make_notice({"classification": classes}))) or ""

    assert told.endswith("; and 2 more")
    assert len(told) < (MOST_PROBLEMS + 1) * (LONGEST_PROBLEM + 2)


def test_a_list_without_end_is_looked_at_from_its_beginning():
    told = problems(as_bytes(make_notice({"instruments": [1] * 500_000}))) or ""

    assert told.split("; ")[:3] == [
        "instruments: 500000 entries, of which the first 200 are looked at",
        "event.instruments[0]: not of type 'string'",
        "event.instruments[1]: not of type 'string'",
    ]
    assert told.endswith("; and 196 more")


def test_classes_without_end_are_looked_at_from_their_beginning():
    classes = {f"class {number}": "?" for number in range(100_000)}
    told = problems(as_bytes(make_notice({"classification": classes}))) or ""

    assert told.startswith("classification: 100000 entries, ")
    assert told.endswith("; and 196 more")


def test_a_check_that_breaks_does_not_cost_the_notice(monkeypatch):
    def breaks():
        raise RecursionError("too deep")

    monkeypatch.setattr(notice_schema, "_validator", breaks)

    assert problems(as_bytes(make_notice())) == "it could not be compared: RecursionError"


@pytest.mark.parametrize("name", NAMES)
def test_real_notices_fit_and_nothing_is_fetched(name, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)

    assert problems(raw(name)) is None


def test_a_notice_without_a_map_fits():
    assert problems(as_bytes(make_notice({"skymap": None}))) is None
