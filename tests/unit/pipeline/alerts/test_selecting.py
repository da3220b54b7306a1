"""What the filters add to a batch: bits, packets to send, counts of refusals."""

from dataclasses import replace

import numpy as np
import pytest

from broker.kafka_types import Packet
from broker.sections.selected import ExtendednessSettings, SelectedSettings
from pipeline.alerts import selecting
from pipeline.alerts.tables import OUTPUT_SELECTED, OUTPUT_SELECTED_JSON
from pipeline.filters import extendedness
from tests.unit.pipeline.alerts.batches import make_batch

SETTINGS = SelectedSettings()


@pytest.fixture
def batch():
    made = make_batch(
        "lsst", 3, measured=[(0.5,), (), (0.1, 1.0)], has_sssource=[True, True, False]
    )
    return replace(made, packets=[Packet(7 + at, 0, bytes([at])) for at in range(3)])


def failing(*_):
    raise ValueError("a mistake")


def test_a_selected_alert_has_its_bit_its_packet_and_what_is_said_of_it(batch):
    selection = selecting.select(batch, SETTINGS)

    assert selection.bits.tolist() == [OUTPUT_SELECTED, 0, 0]
    assert list(selection.chosen) == [7]
    assert selection.chosen[7].packet == b"\0"
    assert selection.chosen[7].facts == {
        "extendedness": [
            ("extendedness_median", 0.5),
            ("extendedness_min", 0.5),
            ("extendedness_max", 0.5),
            ("n_extendedness", 1),
            ("has_sssource", True),
        ]
    }


def test_where_its_json_is_wanted_a_selected_alert_has_a_second_bit(batch):
    wanted = SelectedSettings(extendedness=ExtendednessSettings(lasair=True))

    selection = selecting.select(batch, wanted)

    assert selection.bits.tolist() == [OUTPUT_SELECTED | OUTPUT_SELECTED_JSON, 0, 0]


def test_refusals_are_counted_by_filter_and_reason(batch):
    refused = selecting.select(batch, SETTINGS).refused

    assert refused == {"extendedness.no_extendedness": 1, "extendedness.no_sssource": 1}


def test_what_is_not_public_is_never_selected(batch):
    private = replace(batch, is_public=np.zeros(3, bool))

    selection = selecting.select(private, SETTINGS)

    assert (selection.bits.any(), selection.chosen) == (False, {})


def test_a_filter_that_is_off_or_of_another_survey_says_nothing(batch):
    off = SelectedSettings(extendedness=ExtendednessSettings(enabled=False))

    for selection in (
        selecting.select(batch, off),
        selecting.select(make_batch("ztf"), SETTINGS),
    ):
        assert (selection.bits.any(), selection.chosen, selection.refused) == (False, {}, {})


def test_a_filter_that_fails_selects_nothing_and_stops_nobody(batch, monkeypatch):
    broken = replace(extendedness.FILTER, judge=failing)
    monkeypatch.setattr(selecting, "running", lambda _: (broken,))

    selection = selecting.select(batch, SETTINGS)

    assert selection.bits.tolist() == [0, 0, 0]
    assert selection.refused == {"extendedness.failed": 3}


def test_an_alert_read_back_is_told_of_whatever_the_thresholds_say_now(batch):
    now = SelectedSettings(extendedness=ExtendednessSettings(median_min=1.0))

    chosen = selecting.facts_of(batch.take(np.array([2])), now)

    assert chosen.packet == b"\2"
    assert chosen.facts["extendedness"][0] == ("extendedness_median", 0.55)
    assert chosen.facts["extendedness"][4] == ("has_sssource", False)


def test_a_filter_that_fails_has_no_word_in_what_is_read_back(batch, monkeypatch):
    broken = replace(extendedness.FILTER, name="broken", judge=failing)
    monkeypatch.setattr(selecting, "FILTERS", (broken, extendedness.FILTER))

    assert list(selecting.facts_of(batch.take(np.array([0])), SETTINGS).facts) == ["extendedness"]
