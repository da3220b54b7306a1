"""A telescope's topics, with and without schemas."""

import pytest

from tests import native
from tests.integration.telescope_client.world import Bus, new_bus


@pytest.fixture
def bare_bus(kafka: native.Parts, real_registry: native.Parts) -> Bus:
    """Topics whose schemas nobody has registered."""
    return new_bus()


@pytest.fixture
def bus(bare_bus: Bus) -> Bus:
    """Topics with their schemas."""
    bare_bus.register()
    return bare_bus
