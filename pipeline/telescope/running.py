"""Whether a telescope may still obey a command: one rule, for a row and for SQL."""

from nightjar_telescope import CommandType
from sqlalchemy import ColumnElement, and_, or_

from pipeline.telescope.tables import OPEN_STATES, TelescopeCommand

START = CommandType.START_OBSERVATION.value
_AT_IT = ("received", "started")
"""What may come late and leaves a command to be carried out."""


def may_run(row: TelescopeCommand) -> bool:
    """Return whether we ended a command by a deadline and the telescope has not ended it since.

    One that expired unsent may run all the same if an earlier try to send it may have succeeded.
    """
    return (
        row.state == "timeout"
        and row.ended_by == "deadline"
        and (row.timeout_stage != "send" or row.attempts > 0)
        and (row.late_status is None or row.late_status in _AT_IT)
    )


def is_cancellable(row: TelescopeCommand) -> bool:
    """Return whether a command is a start that may still be obeyed, or is."""
    return row.command_type == START and (row.state in OPEN_STATES or may_run(row))


def cancellable() -> ColumnElement[bool]:
    """Return ``is_cancellable`` as a condition on ``TelescopeCommand``."""
    command = TelescopeCommand
    late = and_(
        command.state == "timeout",
        command.ended_by == "deadline",
        or_(command.timeout_stage.is_distinct_from("send"), command.attempts > 0),
        or_(command.late_status.is_(None), command.late_status.in_(_AT_IT)),
    )
    return and_(command.command_type == START, or_(command.state.in_(OPEN_STATES), late))
