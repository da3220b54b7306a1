"""Notices beside the schema that their senders publish."""

import socket

import pytest

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


@pytest.mark.parametrize("name", NAMES)
def test_real_notices_fit_and_nothing_is_fetched(name, monkeypatch):
    monkeypatch.setattr(socket, "socket", None)

    assert problems(raw(name)) is None


def test_a_notice_without_a_map_fits():
    assert problems(as_bytes(make_notice({"skymap": None}))) is None
