"""The faults, in the order of the design; one line per fault."""

from tests.drill.faults import f01, f02, f03, f09, f14, f17

FAULTS = (
    f01.FAULT,
    f02.FAULT,
    f03.FAULT,
    f09.FAULT,
    f14.FAULT,
    f17.FAULT,
)
