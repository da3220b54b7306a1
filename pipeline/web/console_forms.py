"""Forms of the telescope console: a command within a telescope's limits, and why of an act."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django import forms
from sqlalchemy.orm import Session

from broker.reasons import LONGEST_REASON
from pipeline.gw import query as gw_query
from pipeline.gw.plan_tables import GwPlan, GwPlanTile
from pipeline.telescope.record import Telescope, of_plan
from pipeline.telescope.wish import ASKED, LONGEST_WORD, RefusedError, Wish

ZERO_FOR_OPTICAL = ("center_frequency", "rf_gain", "if_gain", "bb_gain")
EXAMPLE: Mapping[str, Any] = {
    "rf_gain": 0,
    "if_gain": 0,
    "bb_gain": 0,
    "observation_object": "target",
}


class WhyForm(forms.Form):
    """Why something is done, and whether its risk was seen."""

    why = forms.CharField(
        max_length=LONGEST_REASON,
        label="Why",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    is_confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)


class CommandForm(forms.Form):
    """A command to one telescope; its limits are those of the telescope's record.

    Parameters
    ----------
    telescope : Telescope
        Which.
    given : mapping, optional
        What was posted.
    initial : mapping, optional
        What an empty form begins with.
    """

    target_name = forms.CharField(max_length=LONGEST_WORD, label="Target")
    observation_object = forms.CharField(
        max_length=LONGEST_WORD, label="Object", help_text="What it is: galaxy, gw_tile, Sun …"
    )
    ra = forms.FloatField(label="RA (deg)", help_text="ICRS, 0 to less than 360")
    dec = forms.FloatField(label="Dec (deg)", help_text="ICRS, −90 to 90")
    center_frequency = forms.TypedChoiceField(label="Frequency (MHz)", coerce=float)
    rf_gain = forms.FloatField(label="RF gain (dB)")
    if_gain = forms.FloatField(label="IF gain (dB)")
    bb_gain = forms.FloatField(label="Baseband gain (dB)")
    observation_type = forms.ChoiceField(label="Type")
    integration_time = forms.FloatField(label="Integration (s)")
    output_filename = forms.CharField(
        label="File name", help_text="Letters, digits, dot, dash and underscore"
    )
    filter = forms.CharField(max_length=LONGEST_WORD, required=False, label="Filter")
    key = forms.CharField(max_length=LONGEST_WORD, widget=forms.HiddenInput)
    is_confirmed = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, telescope: Telescope, given: Any = None, initial: Mapping[str, Any] | None = None
    ) -> None:
        start = {**EXAMPLE, "key": f"form:{uuid4()}", **(initial or {})}
        super().__init__(given, initial=start)
        self.telescope = telescope
        record = telescope.settings
        for name in ("ra", "dec"):
            self.fields[name].widget.attrs["step"] = "any"
        most = f"More than 0, at most {record.max_integration_s:g} at {telescope.title}"
        self.fields["integration_time"].help_text = most
        self._offer("observation_type", [(word, word) for word in record.observation_types])
        if record.kind == "optical":
            for name in ZERO_FOR_OPTICAL:
                del self.fields[name]
        else:
            del self.fields["filter"]
            offered = [(f"{each:g}", f"{each:g}") for each in record.frequencies_mhz]
            self._offer("center_frequency", offered)

    def wish(self, for_tile: "Tile | None") -> Wish:
        """Return what is asked for, once the form is valid."""
        given = self.cleaned_data
        observation = {name: given.get(name, 0.0) for name in ASKED}
        return Wish(
            self.telescope.name,
            observation,
            origin="plan" if for_tile else "console",
            trigger_id=for_tile.trigger_id if for_tile else None,
            tile_id=str(for_tile.row.tile_id) if for_tile else None,
            filter=given.get("filter") or None,
            idempotency_key=given["key"],
        )

    def refuse(self, error: RefusedError) -> None:
        """Show beside each field what is wrong with it."""
        for problem in error.problems:
            known = problem.field in self.fields
            self.add_error(
                problem.field if known else None, problem.limit if known else str(problem)
            )

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 for the checker of types
        field.choices = choices


@dataclass(frozen=True)
class Tile:
    """A tile of a plan that a command is made for."""

    trigger_id: str
    plan: GwPlan
    row: GwPlanTile

    def initial(self, telescope: Telescope) -> dict[str, Any]:
        """Return what the form begins with."""
        number, trigger_id = self.row.tile_id, self.trigger_id
        return {
            "target_name": f"{trigger_id} tile {number}",
            "observation_object": "gw_tile",
            "ra": self.row.ra_deg,
            "dec": self.row.dec_deg,
            "observation_type": "imaging",
            "integration_time": self.row.exposure_s,
            "output_filename": f"{trigger_id}_{telescope.name}_{number}.fits",
            "filter": self.row.filter or "",
            "key": f"plan:{self.plan.id}:{self.row.id}:{telescope.name}",
        }


def find_tile(session: Session, telescope: Telescope, trigger_id: str, ids: str) -> Tile | None:
    """Return the tile of a plan for this telescope that ``plan:tile`` (of rows) names, or None."""
    plan_id, _, tile_id = ids.partition(":")
    if not (plan_id.isdecimal() and tile_id.isdecimal()):
        return None
    plan = gw_query.find_plan(session, trigger_id, int(plan_id))
    if plan is None or of_plan(plan.telescope) != telescope:
        return None
    for row in gw_query.tiles_of(session, [plan.id])[plan.id]:
        if row.id == int(tile_id):
            return Tile(trigger_id, plan, row)
    return None
