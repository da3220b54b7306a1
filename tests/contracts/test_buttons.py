"""Every button of a message: one record, which names what it does, asks and stands on."""

from datetime import UTC, datetime
from inspect import signature

import pytest
from pydantic import BaseModel

from pipeline.gw import buttons
from pipeline.gw.buttons import BUTTONS, Button
from pipeline.gw.cards_notice import Card, notice_card
from pipeline.gw.cards_plan import PlanSummary, plan_failed, plan_started
from pipeline.gw.cards_tiles import TelescopeTiles, Tile, telescope_tiles
from pipeline.gw.scored import score_notice
from pipeline.gw.step_registry import named
from tests import block_kit
from tests.gw_notices import as_bytes, make_notice

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MESSAGES = {
    buttons.ON_CARD: notice_card(Card(score_notice(as_bytes(make_notice())), "7", 1, NOW)),
    buttons.ON_GROUP: plan_started(PlanSummary("S1", "7", "t", "tiling", (), NOW, NOW)),
    buttons.ON_FAILURE: plan_failed("S1", "TCA", "why", "7"),
    buttons.ON_TILES: telescope_tiles(
        TelescopeTiles("S1", "TCA", "7", (Tile(1, 2, 3.0, 4.0, 0.5, NOW),))
    ),
}
WITH_DIALOG = [button for button in BUTTONS if button.dialog]


def test_a_name_stands_once():
    names = [button.name for button in BUTTONS]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("place", MESSAGES)
def test_a_message_has_the_buttons_that_say_they_stand_there_and_no_other(place: str):
    ours = {name for name in block_kit.buttons(MESSAGES[place]) if buttons.find(name)}

    assert ours == {button.name for button in BUTTONS if button.place == place}


@pytest.mark.parametrize("button", BUTTONS, ids=lambda button: button.name)
def test_a_button_has_its_function(button: Button):
    takes = ["session", "action", *(["row"] if button.place == buttons.ON_CARD else [])]

    assert list(signature(named(button.function)).parameters) == takes


@pytest.mark.parametrize("button", WITH_DIALOG, ids=lambda button: button.name)
def test_a_dialog_has_its_form(button: Button):
    assert issubclass(named(button.dialog.form), BaseModel)
    assert list(signature(named(button.dialog.function)).parameters) == ["press"]
    if button.dialog.check:
        assert list(signature(named(button.dialog.check)).parameters) == ["value", "form"]
