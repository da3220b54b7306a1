"""A home of its own for each test."""

import pytest

from compose.native.home import Home


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.make()
    return home
