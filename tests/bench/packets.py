"""The packets of a run, written to a spool beforehand, with what the oracle expects of each."""

import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.bench import expected, templates, variants
from tests.bench.expected import Beside, Expected
from tests.bench.profiles import SEED, Profile
from tests.bench.variants import object_name
from tests.bench.world import OTHER, Places, Sky, Surroundings

PROCESSES = 2
CHUNK = 500


@dataclass(frozen=True)
class Spool:
    """Packets in a file, in order, with what the oracle expects of each."""

    survey: str
    origin: str
    path: Path
    ends: NDArray[np.int64]
    expected: list[Expected]

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.ends, prepend=0)

    def values(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the packets of [first, last)."""
        with self.path.open("rb") as file:
            file.seek(int(self.ends[first - 1]) if first else 0)
            for length in self.lengths[first:last].tolist():
                yield file.read(length)


def spool(survey: str, profile: Profile, sky: Sky, near: Surroundings, folder: Path) -> Spool:
    """Return the packets of one survey; those of an earlier run of the same sizes are reused."""
    origin, _ = templates.of_survey(survey)
    name = f"{survey}-{_fingerprint(survey, profile, origin)}"
    path, notes = folder / f"{name}.spool", folder / f"{name}.pickle"
    if not notes.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f"{survey}-*"):
            old.unlink()
        written = _write(survey, sky, near, path, profile.cutout_bytes)
        notes.write_bytes(pickle.dumps(written))
    ends, alerts = pickle.loads(notes.read_bytes())
    return Spool(survey, origin, path, ends, alerts)


def _fingerprint(survey: str, profile: Profile, origin: str) -> str:
    sources = (
        b"".join(
            (Path(__file__).parent / name).read_bytes()
            for name in ("templates.py", "variants.py", "packets.py", "world.py", "expected.py")
        )
        + (Path(__file__).parents[1] / "oracle.py").read_bytes()
    )
    sizes = json.dumps([asdict(profile), SEED, survey, origin], sort_keys=True).encode()
    return sha256(sizes + sources).hexdigest()[:12]


def _write(
    survey: str, sky: Sky, near: Surroundings, path: Path, cutout_bytes: int
) -> tuple[NDArray[np.int64], list[Expected]]:
    count = len(sky.object_of[survey])
    lengths: list[int] = []
    alerts: list[Expected] = []
    with path.open("wb") as file, ProcessPoolExecutor(PROCESSES) as pool:
        chunks = [
            (survey, first, sky.object_of[survey][first : first + CHUNK],
             _part(sky.alerts[survey], first), _near(near, first), cutout_bytes)
            for first in range(0, count, CHUNK)
        ]  # fmt: skip
        for values, found in pool.map(_chunk, chunks):
            file.writelines(values)
            lengths += map(len, values)
            alerts += found
            if len(lengths) % (10 * CHUNK) == 0 or len(lengths) == count:
                print(f"{survey} packets: {len(lengths)} of {count}")
    return np.cumsum(lengths), alerts


def _part(places: Places, first: int) -> Places:
    return Places(places.ra_deg[first : first + CHUNK], places.dec_deg[first : first + CHUNK])


def _near(near: Surroundings, first: int) -> Surroundings:
    part = slice(first, first + CHUNK)
    return Surroundings(
        near.match[part], near.is_archival[part], near.is_inside[part], near.point_sources[part]
    )


def _chunk(
    asked: tuple[str, int, Any, Places, Surroundings, int],
) -> tuple[list[bytes], list[Expected]]:
    survey, first, object_of, places, near, cutout_bytes = asked
    make, judge = {
        "ztf": (variants.ztf, expected.ztf),
        "lsst": (partial(variants.lsst, cutout_bytes=cutout_bytes), expected.lsst),
    }[survey]
    values, found = [], []
    for at, number in enumerate(object_of.tolist()):
        value = make(first + at, number, float(places.ra_deg[at]), float(places.dec_deg[at]))
        values.append(value)
        match = int(near.match[at])
        name = None if match < 0 else object_name(OTHER[survey], match)
        found.append(
            judge(
                templates.read(survey, value),
                Beside(
                    name,
                    bool(near.is_archival[at]),
                    bool(near.is_inside[at]),
                    near.point_sources[at],
                ),
            )
        )
    return values, found
