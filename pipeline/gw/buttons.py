"""Every button that calls us: what it says, who may press it, where it stands, what it leads to.

Adding one is a record here, its function, and its place in a card; with a dialog also the function
that makes it and its form. Functions are named as text (``step_registry.named``): a card needs
nothing of what its buttons do.
"""

from dataclasses import dataclass

from pipeline.gw import blocks
from pipeline.gw.blocks import Block

ON_CARD, ON_GROUP, ON_FAILURE, ON_TILES = "card", "group", "failure", "tiles"
"""Messages: of a notice, of a group of plans, of a plan that failed, of a telescope's tiles."""
_FORMS = "pipeline.gw.act_forms"
_DIALOGS = "pipeline.web.slack_dialogs"


@dataclass(frozen=True)
class Dialog:
    """What a button asks before it leads to anything.

    Attributes
    ----------
    function : str
        ``module:function``; takes the press and returns the view, None where there is nothing to
        ask.
    form : str
        ``module:class`` of what is filled in; its fields are the block ids of the view.
    check : str
        ``module:function``; takes the button's value and the form, and returns what the rows have
        against it, by block. Empty: the form alone decides.
    """

    function: str
    form: str
    check: str = ""


@dataclass(frozen=True)
class Button:
    """One button.

    Attributes
    ----------
    name : str
        Its action id; of a dialog the callback id.
    label : str
        What people read.
    function : str
        ``module:function``; takes session, action and, on a card, the notice, if that one counts;
        returns an ``act_answers.Answer``.
    place : str
        On which message it stands.
    needs_shifter : bool
        False: any member of the channel may press it, telescope teams need no account.
    style : str or None
        ``primary`` or ``danger``.
    dialog : Dialog or None
        What it asks first.
    """

    name: str
    label: str
    function: str
    place: str
    needs_shifter: bool = True
    style: str | None = None
    dialog: Dialog | None = None

    def block(self, value: str) -> Block:
        """Return it for a message; ``value`` comes back with the click."""
        return blocks.button(self.label, self.name, value, self.style)


RUN_PLAN = Button(
    "run_obs_plan", "🔭 Run plan", "pipeline.gw.act_plans:run", ON_CARD, style="primary"
)
PLAN_OPTIONS = Button(
    "plan_options",
    "⚙️ Plan options",
    "pipeline.gw.act_plans:run_with_options",
    ON_CARD,
    dialog=Dialog(f"{_DIALOGS}:options", f"{_FORMS}:PlanForm"),
)
FOLLOW_UP = Button("follow_up", "✅ Follow up", "pipeline.gw.act:decide", ON_CARD)
NO_FOLLOW_UP = Button("no_follow_up", "🚫 No follow-up", "pipeline.gw.act:decide", ON_CARD)
CANCEL_PLAN = Button(
    "cancel_plan", "⏹️ Cancel", "pipeline.gw.act_plans:cancel", ON_GROUP, style="danger"
)
RETRY_PLAN = Button(
    "retry_plan", "🔁 Retry", "pipeline.gw.act_plans:retry", ON_FAILURE, style="primary"
)
_KNOWN_TILES = "pipeline.gw.act_tiles:unknown"
CLAIM_TILES = Button(
    "claim_tiles",
    "✋ I take tiles …",
    "pipeline.gw.act_tiles:claim",
    ON_TILES,
    needs_shifter=False,
    style="primary",
    dialog=Dialog(f"{_DIALOGS}:tiles_to_take", f"{_FORMS}:TilesForm", _KNOWN_TILES),
)
CLAIM_ALL_TILES = Button(
    "claim_all_tiles",
    "✋ I take all",
    "pipeline.gw.act_tiles:claim_all",
    ON_TILES,
    needs_shifter=False,
)
OBSERVATION_DONE = Button(
    "observation_done",
    "✅ Observation done …",
    "pipeline.gw.act_tiles:done",
    ON_TILES,
    needs_shifter=False,
    dialog=Dialog(f"{_DIALOGS}:tiles_done", f"{_FORMS}:TilesForm", _KNOWN_TILES),
)
CANNOT_OBSERVE = Button(
    "cannot_observe",
    "☁️ Cannot observe",
    "pipeline.gw.act_tiles:cannot",
    ON_TILES,
    needs_shifter=False,
    dialog=Dialog(f"{_DIALOGS}:outage", f"{_FORMS}:OutageForm"),
)

BUTTONS = (
    RUN_PLAN,
    PLAN_OPTIONS,
    FOLLOW_UP,
    NO_FOLLOW_UP,
    CANCEL_PLAN,
    RETRY_PLAN,
    CLAIM_TILES,
    CLAIM_ALL_TILES,
    OBSERVATION_DONE,
    CANNOT_OBSERVE,
)


def find(name: str) -> Button | None:
    """Return the button with an action id, None where it is none of ours."""
    return next((button for button in BUTTONS if button.name == name), None)
