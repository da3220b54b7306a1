"""The registry of faults can be imported without harm."""

import sys

from tests.drill.faults import FAULTS


def test_faults_are_in_order_and_nothing_that_changes_its_process_comes_with_them():
    numbers = [int(fault.number[1:]) for fault in FAULTS]
    assert numbers == sorted(set(numbers))
    assert not {"tests.drill.impatient", "tests.drill.frail"} & sys.modules.keys()
