"""How a request is refused: a status, one line for people, the rules by field."""

import math
from collections.abc import Mapping

import psycopg
import sqlalchemy.exc
from django.db import OperationalError
from rest_framework.exceptions import APIException


class TooLongError(Exception):
    """The search took longer than it may."""


UNANSWERED = (
    TooLongError,
    OperationalError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
)
"""Postgres is away, too busy or too slow: as Django, the streams and raw cursors say it."""
BUSY = "the database did not answer in time: make the search smaller, or wait a moment"
BUSY_RETRY_S = 5


class ApiError(APIException):
    """A refusal that says what is wrong and where.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        One line for people; for an error of one field ``field: rule``.
    errors : dict, optional
        Rules by field.
    headers : mapping, optional
        Added to the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        errors: dict[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status
        self.message = message
        self.errors = errors or {}
        self.headers = dict(headers or {})


def field_error(field: str, rule: str, status: int = 400) -> ApiError:
    """Return the refusal of one field."""
    return ApiError(status, f"{field}: {rule}", {field: [rule]})


def too_many(wait_s: float, message: str = "too many requests") -> ApiError:
    """Return the refusal of somebody who asks too often."""
    seconds = max(1, math.ceil(wait_s))
    return ApiError(
        429, f"{message}: try again in {seconds} s", headers={"Retry-After": str(seconds)}
    )
