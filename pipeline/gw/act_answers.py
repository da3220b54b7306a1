"""What a click is answered, and which notice its message belongs to."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.steps import Bell
from pipeline.gw.tables import GwAlert

_ID = re.compile(r"[0-9]{1,18}")
"""What fits into a bigint."""


@dataclass(frozen=True)
class Answer:
    """What came of a click.

    Attributes
    ----------
    text : str
        For whoever clicked, alone; empty: what follows says enough.
    bells : sequence of Bell
        Steps to ring for after the commit.
    is_refusal : bool
        Nothing was done.
    """

    text: str = ""
    bells: Sequence[Bell] = ()
    is_refusal: bool = False


def card_row(session: Session, action: GwSlackAction) -> GwAlert | None:
    """Return the notice whose card was pressed: by its message, never by what the button says."""
    return session.scalars(
        select(GwAlert).where(
            GwAlert.channel == action.channel, GwAlert.message_ts == action.message_ts
        )
    ).one_or_none()


def number(value: str | None) -> int:
    """Return the id that a button's value names; 0, which no row has, where it names none."""
    return int(value) if value and _ID.fullmatch(value) else 0
