"""Schema-true packets of an invented night, with a truth table.

In order of use: ``placing``, ``surroundings``, ``recipes`` and ``plan`` say what is in the sky and
who sees it when; ``curves`` and ``histories`` how bright; ``scenes``, ``images`` and ``fits`` draw
the cutouts; ``ztf`` and ``lsst`` write records and packets; ``expect`` and ``truth`` say what must
become of them; ``night`` puts it together; ``catalogs`` writes the matching catalog rows;
``scenario`` makes single packets for tests; ``feed`` sends.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.simulate.night import Sky, sky
from pipeline.simulate.truth import SimulatedPacket, Truth

__all__ = ["SimulatedPacket", "Sky", "Truth", "night", "sky"]


def night(seed: int, **wanted: Any) -> Iterator[SimulatedPacket]:
    """Yield the packets of ``sky(seed, **wanted)`` in order of time."""
    return sky(seed, **wanted).packets()
