"""Two transactions that want the same: how a test knows that the second one waits."""

import time
from concurrent.futures import Future

from sqlalchemy import text
from sqlalchemy.orm import Session

_LOOK_S = 0.02
_WAITING = text(
    "SELECT count(*) FROM pg_locks"
    " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
)


def await_waiter(session: Session, other: Future[None]) -> None:
    """Return once somebody waits for what ``session`` holds; fail if ``other`` ends without."""
    while not session.scalar(_WAITING):
        assert not other.done(), f"it waited for nobody: {other.exception()}"
        time.sleep(_LOOK_S)
