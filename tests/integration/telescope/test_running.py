"""One rule of what may still be obeyed, said twice: of a row, and in SQL."""

from itertools import product

import pytest
from sqlalchemy import insert, select

from pipeline.telescope.running import cancellable, is_cancellable, may_run
from pipeline.telescope.tables import (
    ACK_STATUSES,
    COMMAND_TYPES,
    ENDED_BY,
    STATES,
    TIMEOUT_STAGES,
    TelescopeCommand,
)

pytestmark = pytest.mark.integration

NAMES = ("command_type", "state", "ended_by", "timeout_stage", "late_status", "attempts")
EVERY = product(
    COMMAND_TYPES, STATES, (None, *ENDED_BY), (None, *TIMEOUT_STAGES), (None, *ACK_STATUSES), (0, 2)
)
EXPECTED = (
    ("requested", None, None, None, 0, True),
    ("unknown", None, None, None, 1, True),
    ("started", None, None, None, 1, True),
    ("timeout", "deadline", "receive", None, 1, True),
    ("timeout", "deadline", "finish", "started", 1, True),
    ("timeout", "deadline", "finish", "completed", 1, False),
    ("timeout", "deadline", "send", None, 0, False),
    ("timeout", "deadline", "send", None, 1, True),
    ("timeout", "telescope", "telescope", None, 1, False),
    ("completed", "telescope", None, None, 1, False),
    ("cancelled", "operator", None, None, 1, False),
)


@pytest.mark.parametrize("words", EXPECTED, ids=str)
def test_what_may_still_be_obeyed(words):
    *values, expected = words
    row = TelescopeCommand(**dict(zip(NAMES, ("start_observation", *values), strict=True)))

    assert is_cancellable(row) is expected
    assert may_run(row) is (expected and row.state == "timeout")


def test_postgres_and_we_mean_the_same(session):
    rows = [
        dict(zip(NAMES, values, strict=True))
        | {
            "command_id": str(number), "telescope": "beam", "observation_id": "o", "request": {},
            "origin": "api", "requested_by": "owl",
        }
        for number, values in enumerate(EVERY)
    ]  # fmt: skip
    session.execute(insert(TelescopeCommand), rows)
    ours = {row["command_id"] for row in rows if is_cancellable(TelescopeCommand(**row))}

    theirs = set(session.scalars(select(TelescopeCommand.command_id).where(cancellable())))

    assert theirs == ours
    assert 0 < len(ours) < len(rows)
