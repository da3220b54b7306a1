"""Schema-true packets of an invented night, with a truth table.

In order of use: ``placing``, ``surroundings``, ``recipes`` and ``plan`` say what is in the sky and
who sees it when; ``curves`` and ``histories`` how bright; ``scenes``, ``images`` and ``fits`` draw
the cutouts; ``ztf``, ``lsst`` and ``avro`` write records and packets, ``alerts`` fills them from
the plan; ``expect`` and ``truth`` say what must become of them; ``night`` puts it together;
``catalogs`` writes the rows that agree; ``feed`` sends. ``single`` and ``scenario`` make packets
for tests, ``folder`` reads real ones, ``demo`` plays a night live.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.simulate.night import Sky, sky
from pipeline.simulate.truth import SimulatedPacket, Truth

__all__ = ["SimulatedPacket", "Sky", "Truth", "night", "sky"]


def night(seed: int, **wanted: Any) -> Iterator[SimulatedPacket]:
    """Yield the packets of ``sky(seed, **wanted)`` in order of time."""
    return sky(seed, **wanted).packets()
