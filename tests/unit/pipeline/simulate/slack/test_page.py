"""The stand-in's page: a dialog that was refused."""

import pytest

from pipeline.simulate.slack import page
from tests.slack import GW, SHIFTER, make_workspace


def option(value):
    return {"text": {"type": "plain_text", "text": value}, "value": value}


def block(name, **element):
    label = {"type": "plain_text", "text": name}
    element = {"action_id": "field"} | element
    return {"type": "input", "block_id": name, "label": label, "element": element}


VIEW = {
    "id": "V1",
    "type": "modal",
    "title": {"type": "plain_text", "text": "Plan"},
    "blocks": [
        {"type": "divider"},
        block("why", type="plain_text_input", initial_value="clouds"),
        block("tiles", type="number_input", is_decimal_allowed=False, initial_value="10"),
        block("until", type="datetimepicker", initial_date_time=1_767_000_000),
        block(
            "names",
            type="multi_static_select",
            options=[option("TCA"), option("TRE")],
            initial_options=[option("TCA")],
        ),
        block(
            "way",
            type="radio_buttons",
            options=[option("tiling"), option("galaxies")],
            initial_option=option("tiling"),
        ),
    ],
}
TYPED = {
    "why/field": ["snow"],
    "tiles/field": ["0"],
    "until/field": ["2001-02-03T04:05"],
    "names/field": ["TRE"],
    "way/field": ["galaxies"],
}


@pytest.fixture
def workspace(tmp_path):
    made = make_workspace(tmp_path)
    made.triggers.make("t1", SHIFTER)
    made.triggers.use("t1", VIEW)
    return made


def test_a_refused_dialog_keeps_what_was_typed_and_says_what_is_wrong(workspace):
    look = page.Look(GW, SHIFTER, view="V1", errors={"tiles": "at least 1"}, typed=TYPED)

    shown = page.render(workspace, look)

    assert '<small class="wrong">at least 1</small>' in shown
    for kept in (
        'name="why/field" value="snow"',
        'name="tiles/field" value="0"',
        'name="until/field" value="2001-02-03T04:05"',
        '<option value="TRE" selected>',
        'value="galaxies" checked>',
    ):
        assert kept in shown
    assert '<option value="TCA">' in shown
    assert 'value="tiling">' in shown


def test_a_field_that_was_emptied_stays_empty(workspace):
    look = page.Look(GW, SHIFTER, view="V1", errors={"why": "say why"}, typed={"why/field": [""]})

    assert 'name="why/field" value=""' in page.render(workspace, look)
