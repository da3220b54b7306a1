"""What a request lets pass, what the task does, and what dialogs there are: the same buttons."""

import pytest

from pipeline.gw import act, act_forms, act_tiles
from pipeline.gw.cards_plan import PLAN_ACTIONS
from pipeline.web import slack_dialogs, slack_payloads


def test_shifters_and_everybody_have_the_same_buttons_on_both_sides():
    assert set(slack_payloads.FOR_SHIFTERS) == act.FOR_SHIFTERS
    assert set(slack_payloads.FOR_EVERYBODY) == set(act_tiles.ACTS)


def test_every_dialog_has_its_form_and_is_asked_for():
    assert set(slack_payloads.WITH_DIALOG) == set(slack_dialogs._DIALOGS) == set(act_forms.FORMS)


@pytest.mark.parametrize("action_id", PLAN_ACTIONS)
def test_a_button_of_a_message_is_known(action_id):
    assert action_id in slack_payloads.FOR_SHIFTERS
