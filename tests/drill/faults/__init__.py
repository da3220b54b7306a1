"""The faults, in the order of the design; one line per fault."""

from tests.drill.faults import (
    f01,
    f02,
    f03,
    f04,
    f05,
    f06,
    f07,
    f08,
    f09,
    f13,
    f14,
    f15,
    f16,
    f17,
    several,
)

FAULTS = (
    f01.FAULT,
    f02.FAULT,
    f03.FAULT,
    f04.FAULT,
    f05.FAULT,
    f06.FAULT,
    f07.FAULT,
    f08.FAULT,
    f09.FAULT,
    f13.FAULT,
    f14.FAULT,
    f15.FAULT,
    f16.FAULT,
    f17.FAULT,
)

OF_A_CLUSTER = (several.BROKER, several.WORKERS, several.REPLICA)
"""What happens to one of several."""
