"""The crash drill's short form, on the servers of the test run: nothing lost, little repeated."""

from collections.abc import Iterator

import pytest

from tests import native
from tests.drill import ground
from tests.drill.faults import FAULTS
from tests.drill.record import Fault
from tests.drill.stage import Stage

pytestmark = [pytest.mark.slow]

SHORT = [fault for fault in FAULTS if fault.is_short]
PATIENCE = 3.0
"""Other tests run at the same time."""


@pytest.fixture(scope="module")
def lent(
    topics_made: native.Parts,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ground.Ground]:
    """Return the test run's servers for all faults."""
    with ground.lent(tmp_path_factory.mktemp("drill"), migrated_template) as found:
        yield found


@pytest.mark.parametrize("fault", SHORT, ids=lambda fault: f"{fault.number} {fault.title}")
def test_nothing_is_lost_and_nothing_repeated_without_cause(
    lent: ground.Ground, fault: Fault, record_property
):
    with Stage(lent, SHORT.index(fault), is_short=True, patience=PATIENCE) as stage:
        outcomes = stage.play(fault)

    record_property("repeated", sum(outcome.repeated for outcome in outcomes))
    tried = [outcome for outcome in outcomes if not outcome.skipped]
    assert tried
    assert [outcome.error for outcome in tried] == [""] * len(tried)
    assert [outcome.lost for outcome in tried] == [0] * len(tried)
