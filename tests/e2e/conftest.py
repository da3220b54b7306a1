"""One running system for the end-to-end tests of a worker."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests import native
from tests.e2e import published
from tests.e2e import system as systems
from tests.e2e.system import fresh_system, make_input_topic


@pytest.fixture
def output_ends(topics_made: native.Parts) -> dict[tuple[str, int], int]:
    """Return where the output topics end before the test."""
    return published.ends(published.OUTPUTS)


@pytest.fixture
def system(topics_made: native.Parts, database: str, tmp_path: Path) -> Iterator[systems.System]:
    """Return a system whose input topics, consumer groups, database and archive are its own."""
    with fresh_system(database, tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def one_system(
    make_system: Callable[[str], AbstractContextManager[systems.System]],
    request: pytest.FixtureRequest,
) -> AbstractContextManager[systems.System]:
    """Return a system to enter once, for all that a module's tests look at afterwards."""
    return make_system(request.module.__name__.rpartition("_")[2])


@pytest.fixture
def make_input(system: systems.System) -> Callable[..., str]:
    """Return a function that makes one of this system's input topics and returns its name."""
    return partial(make_input_topic, system)


@pytest.fixture
def load_lspsc(system: systems.System, tmp_path: Path) -> Callable[..., None]:
    """Return a function that loads rows (ra, dec, score, mag_white) as the LSPSC."""

    def load(rows: list[tuple[float, float, float, float]]) -> None:
        file = tmp_path / "lspsc.csv"
        lines = [f"{at},{ra},{dec},{score},{mag}" for at, (ra, dec, score, mag) in enumerate(rows)]
        file.write_text("id,ra,dec,score,mag_white\n" + "\n".join(lines) + "\n")
        system.manage("load_catalog", "lspsc", str(file))

    return load
