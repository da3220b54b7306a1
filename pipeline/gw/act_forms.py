"""What people fill into Slack's dialogs; the request checks it, and so does who acts on it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from broker.sections.gw_plans import (
    LONGEST_DELAY_H,
    LONGEST_EXPOSURE_S,
    LONGEST_WINDOW_H,
    MOST_TILES,
    ExposureS,
    MaxTiles,
    Strategy,
)
from pipeline.gw import outages, ranks
from pipeline.gw.telescopes import TelescopeError, telescope

Form = TypeVar("Form", bound=BaseModel)


class FormError(ValueError):
    """A form cannot be used; ``faults`` says why, by block."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{block}: {fault}" for block, fault in faults.items()))
        self.faults = faults


def _known(name: str) -> str:
    try:
        return telescope(name).name
    except TelescopeError as error:
        raise ValueError(str(error)) from None


class PlanForm(BaseModel):
    """The dialog *Plan options*: one group of telescopes, bounded as the settings are."""

    telescopes: Annotated[tuple[Annotated[str, AfterValidator(_known)], ...], Field(min_length=1)]
    strategy: Strategy
    max_tiles: MaxTiles
    exposure_s: ExposureS
    window_start: AwareDatetime
    window_end: AwareDatetime

    @field_validator("window_start")
    @classmethod
    def _begins_soon(cls, start: datetime) -> datetime:
        if start > datetime.now(UTC) + timedelta(hours=LONGEST_DELAY_H):
            raise ValueError(f"at most {LONGEST_DELAY_H} h from now")
        return start

    @field_validator("window_end")
    @classmethod
    def _ends_in_time(cls, end: datetime, info: ValidationInfo) -> datetime:
        start = info.data.get("window_start")
        if end <= datetime.now(UTC):
            raise ValueError("the window is over")
        if start is not None and end <= start:
            raise ValueError("the window ends before it begins")
        if start is not None and end > start + timedelta(hours=LONGEST_WINDOW_H):
            raise ValueError(f"the window may last {LONGEST_WINDOW_H} h")
        return end


class OutageForm(BaseModel):
    """The dialog *Cannot observe*."""

    reason: Annotated[str, AfterValidator(outages.checked_reason)]
    until: Annotated[AwareDatetime, AfterValidator(outages.checked_end)]


class TilesForm(BaseModel):
    """The dialogs *I take tiles* and *Observation done*: ranks in the order of observing."""

    tiles: Annotated[tuple[int, ...], BeforeValidator(ranks.read)]


WANTED: Mapping[str, str] = {
    "telescopes": "choose at least one telescope",
    "strategy": "choose a strategy",
    "max_tiles": f"a whole number from 1 to {MOST_TILES}",
    "exposure_s": f"seconds, more than 0 and at most {LONGEST_EXPOSURE_S:g}",
    "window_start": "choose a date and a time (UTC)",
    "window_end": "choose a date and a time (UTC)",
    "until": "choose a date and a time (UTC)",
    "tiles": ranks.WANTED,
}
"""What a field must hold."""


def read(kind: type[Form], form: Mapping[str, Any]) -> Form:
    """Return a form that was filled in.

    Parameters
    ----------
    kind : type
        ``PlanForm``, ``OutageForm`` or ``TilesForm``.
    form : mapping
        Plain values by block, as in ``gw_slack_actions.form``; times in Unix seconds.

    Raises
    ------
    FormError
        If a field is missing or out of bounds.
    """
    try:
        return kind.model_validate(form)
    except ValidationError as error:
        raise FormError({str(each["loc"][0]): _why(each) for each in error.errors()}) from None


def _why(found: Any) -> str:
    """Return what a person has to change: our words, or pydantic's where there are none."""
    ours = found.get("ctx", {}).get("error")
    return str(ours or WANTED.get(str(found["loc"][0])) or found["msg"])
