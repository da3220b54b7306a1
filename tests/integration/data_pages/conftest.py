"""The small sky of the REST tests, looked at by anybody."""

import pytest
from django.test import Client

from tests.integration.api.conftest import _forget_answers, archive, store

__all__ = ["_forget_answers", "archive", "store"]


@pytest.fixture
def anybody(session: object) -> Client:
    """A browser without an account."""
    return Client(headers={"host": "localhost"})
