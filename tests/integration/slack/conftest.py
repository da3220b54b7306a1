"""A stand-in for Slack for each test."""

import pytest

from tests.slack import client, serving


@pytest.fixture
def standin(tmp_path):
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def slack(standin):
    return client(standin)
