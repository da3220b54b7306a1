"""The faults, in the order of the design; one line per fault."""

from tests.drill.faults import f01

FAULTS = (f01.FAULT,)
