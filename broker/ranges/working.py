"""A worker and its range, whatever lies in it: take it, work, and give it back when that fails."""

import errno
import logging
from collections.abc import Callable

import psycopg
import sqlalchemy.exc
import structlog
from billiard.exceptions import SoftTimeLimitExceeded

from broker.errors import TransientError
from broker.ranges.claim import Arrived, Claim, claim, release

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}

log = structlog.get_logger(__name__)


class RangeLostError(Exception):
    """Another worker holds the range now; this one stops without a trace."""


def is_infrastructure(error: BaseException) -> bool:
    """Return whether a server or the disk is missing, rather than a packet at fault."""
    if isinstance(error, TransientError | psycopg.OperationalError | psycopg.InterfaceError):
        return True
    if isinstance(error, sqlalchemy.exc.OperationalError | sqlalchemy.exc.InterfaceError):
        return True
    return isinstance(error, OSError) and error.errno in _DISK_ERRORS


def is_packets_fault(error: BaseException) -> bool:
    """Return whether a packet may have caused the error, so that isolating packets can help.

    The soft time limit strikes wherever the work happens to be: burying the packet at hand would
    bury an innocent one.
    """
    return not isinstance(error, SoftTimeLimitExceeded) and not is_infrastructure(error)


def try_claim(
    stream: str,
    topic: str,
    partition: int,
    first: int,
    replay_id: int,
    owner: str,
    arrived: Arrived,
) -> Claim | None:
    """Claim a range; while Postgres is away there is nothing to do but wait for the next bell.

    The parameters are those of ``claim``.
    """
    try:
        return claim(stream, topic, partition, first, replay_id, owner, arrived)
    except Exception as error:
        if not is_infrastructure(error):
            raise
        log.warning("range.not_claimed", error=repr(error))
        return None


def attempt(
    held: Claim,
    work: Callable[[], None],
    is_for_want: Callable[[BaseException], bool] = is_infrastructure,
) -> bool:
    """Work on a claimed range; what fails gives it back with the reason. Return whether it is done.

    Parameters
    ----------
    held : Claim
        The range.
    work : callable
        Works on it.
    is_for_want : callable, optional
        Whether an error says that something is missing, for which the range can wait.

    Raises
    ------
    SystemExit
        If the process shall end; the range is given back before.
    """
    try:
        work()
    except RangeLostError:
        log.warning("range.lost", owner=held.owner)
    except SoftTimeLimitExceeded as error:
        release(held, error, infrastructure=False)
    except SystemExit as error:
        release(held, f"shutdown: {error}", infrastructure=True)
        raise
    except Exception as error:
        for_want = is_for_want(error)
        log.log(
            logging.WARNING if for_want else logging.ERROR,
            "range.failed",
            exc_info=not for_want,
            error=repr(error),
        )
        release(held, error, infrastructure=for_want)
    else:
        return True
    return False
