"""What people type into the dialogs of Slack: used as it is, or refused with the block named."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.gw import act_forms
from pipeline.gw.act_forms import FormError, OutageForm, PlanForm, TilesForm

NOW_S = int(datetime.now(UTC).timestamp())
HOUR_S = 3600
PLAN = {
    "telescopes": ["TCA", "Colibri"],
    "strategy": "tiling",
    "max_tiles": "12",
    "exposure_s": "60",
    "window_start": NOW_S + HOUR_S,
    "window_end": NOW_S + 13 * HOUR_S,
}
OUTAGE = {"reason": " clouds ", "until": NOW_S + HOUR_S}


def faults_of(kind, form):
    with pytest.raises(FormError) as raised:
        act_forms.read(kind, form)
    return raised.value.faults


@pytest.mark.parametrize(
    ("changed", "block"),
    [
        ({"telescopes": []}, "telescopes"),
        ({"telescopes": ["Hubble"]}, "telescopes"),
        ({"strategy": None}, "strategy"),
        ({"max_tiles": "0"}, "max_tiles"),
        ({"max_tiles": "501"}, "max_tiles"),
        ({"exposure_s": "0"}, "exposure_s"),
        ({"exposure_s": "1e9"}, "exposure_s"),
        ({"exposure_s": "nan"}, "exposure_s"),
        ({"window_start": None}, "window_start"),
        (
            {"window_start": NOW_S + 241 * HOUR_S, "window_end": NOW_S + 242 * HOUR_S},
            "window_start",
        ),
        ({"window_end": NOW_S + HOUR_S}, "window_end"),
        ({"window_end": NOW_S + 170 * HOUR_S}, "window_end"),
        ({"window_start": NOW_S - 9 * HOUR_S, "window_end": NOW_S - 2 * HOUR_S}, "window_end"),
    ],
)
def test_a_plan_out_of_bounds_is_refused_at_its_block(changed, block):
    assert list(faults_of(PlanForm, PLAN | changed)) == [block]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"max_tiles": "501"}, "a whole number from 1 to 500"),
        ({"exposure_s": "0"}, "seconds, more than 0 and at most 7200"),
        ({"telescopes": []}, "choose at least one telescope"),
        ({"window_start": None}, "choose a date and a time (UTC)"),
    ],
)
def test_a_fault_says_what_is_wanted(changed, words):
    assert list(faults_of(PlanForm, PLAN | changed).values()) == [words]


def test_a_form_without_a_field_names_it():
    form = {name: value for name, value in PLAN.items() if name != "strategy"}

    with pytest.raises(FormError, match=r"^strategy: choose a strategy$"):
        act_forms.read(PlanForm, form)


def test_a_plan_is_read_with_the_names_of_the_table():
    found = act_forms.read(PlanForm, PLAN)

    assert found.telescopes == ("TCA", "COLIBRI")
    assert (found.max_tiles, found.exposure_s) == (12, 60.0)
    assert found.window_end - found.window_start == timedelta(hours=12)
    assert found.window_start == datetime.fromtimestamp(NOW_S + HOUR_S, UTC)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"reason": "  "}, {"reason": "say why"}),
        ({"reason": "x" * 201}, {"reason": "the reason may have 200 characters"}),
        ({"until": NOW_S - 1}, {"until": "the end must lie between now and a year ahead"}),
        ({"until": NOW_S + 367 * 24 * HOUR_S}, {"until": "the end must lie between now and a year ahead"}),
    ],
)  # fmt: skip
def test_an_outage_out_of_bounds_is_refused(changed, fault):
    assert faults_of(OutageForm, OUTAGE | changed) == fault


def test_an_outage_is_read():
    assert act_forms.read(OutageForm, OUTAGE).reason == "clouds"


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        (None, "say which tiles by their rank, such as 1-5, 8"),
        ("", "say which tiles by their rank, such as 1-5, 8"),
        ("1,," + "9" * 3000, "say which tiles by their rank, such as 1-5, 8"),
        ("first five", "“first five” is no tile and no span of tiles: write 1-5, 8"),
        ("1-5-8", "“1-5-8” is no tile and no span of tiles: write 1-5, 8"),
        ("1,,2", "“” is no tile and no span of tiles: write 1-5, 8"),
        ("²", "“²” is no tile and no span of tiles: write 1-5, 8"),
        ("0", "“0”: ranks go from 1 to 500"),
        ("1-501", "“1-501”: ranks go from 1 to 500"),
        ("5-1", "“5-1” ends before it begins"),
    ],
)
def test_tiles_that_cannot_be_read_are_refused_in_plain_words(typed, fault):
    assert faults_of(TilesForm, {"tiles": typed}) == {"tiles": fault}


@pytest.mark.parametrize(
    ("typed", "tiles"),
    [
        ("8", (8,)),
        ("1-3, 8", (1, 2, 3, 8)),
        (" 8,1 – 3,2 ,", (1, 2, 3, 8)),
        ("500", (500,)),
    ],
)
def test_tiles_are_read_single_or_from_one_to_another(typed, tiles):
    assert act_forms.read(TilesForm, {"tiles": typed}).tiles == tiles
