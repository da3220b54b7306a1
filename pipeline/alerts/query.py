"""What people may read of the streams' tables; every answer of the web comes through here.

ZTF's private programs are kept back here and nowhere else: ``public``, ``visible`` and ``exists``
are the only conditions, and every statement of the ``query_*`` modules on alerts or objects holds
one of them. In order: ``query_alerts`` (by object, cone, time), ``query_skymap``,
``query_objects``, ``query_photometry``, ``query_matches`` (catalogs), ``query_cutouts``,
``query_stats``. All are functions of a read-only session.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from broker import replica
from broker.db import cursor, transaction
from broker.refusals import TooLongError
from pipeline.alerts.store import FLAG_FALSE, FLAG_NAMES, FLAG_TRUE

SEARCH_LIMIT_S = 25
"""Longest statement of an answer; a web worker that waits longer is killed [s]."""
SKYMAP_LIMIT_S = 60
MAX_ALERTS = 100_000
"""Most alerts of one answer."""
MAX_SKIP = 1_000_000
MAX_RADIUS_ARCSEC = 600.0
MAX_WINDOW_D = 1.0
"""Longest time without another selector [d]."""
MAX_CONES = 5000

_COMPLETE_SHIFT = 2 * FLAG_NAMES.index("complete")


def public(alert: str = "a") -> str:
    """Return the condition that the alert of this alias may be shown."""
    return f"({alert}.survey <> 'ztf' OR {alert}.programid = 1)"


def visible(alert: str = "a") -> str:
    """Return the condition that it may, and has all that the published client requires.

    What was published always had; whether others have it was not noted in the first weeks.
    """
    return (
        f"{public(alert)} AND {alert}.object_id IS NOT NULL"
        f" AND ({alert}.flags >= {FLAG_TRUE << _COMPLETE_SHIFT}"
        f" OR ({alert}.flags < {FLAG_FALSE << _COMPLETE_SHIFT} AND {alert}.gate_reason IS NULL))"
    )


def exists(thing: str = "o", condition: Callable[[str], str] = visible) -> str:
    """Return the condition that the object of this alias exists for others.

    It has an alert that may be shown; a public point in the history of a private one is not enough.
    """
    return (
        f"{thing}.is_public AND EXISTS (SELECT 1 FROM alerts AS e"  # noqa: S608 names of ours
        f" WHERE e.object_id = {thing}.id AND {condition('e')})"
    )


class QueryError(ValueError):
    """A question cannot be answered as it was asked.

    Parameters
    ----------
    field : str
        The parameter at fault.
    rule : str
        What it must be.
    """

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule


@dataclass(frozen=True)
class Filters:
    """Bounds, inclusive, and flags; None asks for nothing.

    Attributes
    ----------
    start_jd, end_jd : float or None
        Time (JD, UTC).
    min_magpsf, max_magpsf : float or None
        PSF magnitude [AB mag].
    min_score, max_score : float or None
        ZTF's drb, LSST's reliability.
    is_positive, is_rock, is_star, is_near_brightstar, is_stationary : bool or None
        A flag that is null matches neither value.
    alert_class : str or None
        stellar, hosted, hostless, unknown.
    """

    start_jd: float | None = None
    end_jd: float | None = None
    min_magpsf: float | None = None
    max_magpsf: float | None = None
    min_score: float | None = None
    max_score: float | None = None
    is_positive: bool | None = None
    is_rock: bool | None = None
    is_star: bool | None = None
    is_near_brightstar: bool | None = None
    is_stationary: bool | None = None
    alert_class: str | None = None

    def sql(self, survey: str, alert: str = "a") -> tuple[str, dict[str, Any]]:
        """Return the condition on visible alerts of a survey, and its parameters."""
        parts = [f"{alert}.survey = %(survey)s", visible(alert)]
        values: dict[str, Any] = {"survey": survey}
        for name, condition in _BOUNDS.items():
            if (bound := getattr(self, name)) is not None:
                parts.append(f"{alert}.{condition} %({name})s")
                values[name] = bound
        for at, name in enumerate(FLAG_NAMES):
            wanted = getattr(self, f"is_{name}", None)
            if wanted is not None:
                state = FLAG_TRUE if wanted else FLAG_FALSE
                parts.append(f"({alert}.flags >> {2 * at}) & 3 = {state}")
        return " AND ".join(parts), values


_BOUNDS = {
    "start_jd": "jd_utc >=",
    "end_jd": "jd_utc <=",
    "min_magpsf": "magpsf_abmag >=",
    "max_magpsf": "magpsf_abmag <=",
    "min_score": "score >=",
    "max_score": "score <=",
    "alert_class": "alert_class =",
}


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted, in order of candid."""

    limit: int = MAX_ALERTS
    skip: int = 0


@contextmanager
def reading(limit_s: int = SEARCH_LIMIT_S) -> Iterator[Session]:
    """Open a read-only transaction whose statements end after ``limit_s``.

    Raises
    ------
    TooLongError
        If a statement took longer.
    """
    with _no_longer(limit_s), transaction(statement_timeout_s=limit_s) as session:
        with cursor(session) as cur:
            cur.execute("SET TRANSACTION READ ONLY")
        yield session


@contextmanager
def browsing(limit_s: int = SEARCH_LIMIT_S) -> Iterator[Session]:
    """Open one as ``reading``, on the replica where there is one: what is read may be seconds old.

    Raises
    ------
    TooLongError
        If a statement took longer.
    """
    with _no_longer(limit_s), replica.nearby(statement_timeout_s=limit_s) as session:
        yield session


@contextmanager
def _no_longer(limit_s: int) -> Iterator[None]:
    try:
        yield
    except errors.QueryCanceled as error:
        raise TooLongError(f"the search took longer than {limit_s} s") from error
    except DBAPIError as error:
        if isinstance(error.orig, errors.QueryCanceled):
            raise TooLongError(f"the search took longer than {limit_s} s") from error
        raise
