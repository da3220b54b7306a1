"""How much one run of the benchmark does."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

SEED = 20261121
HOMES = {"smoke": ".nightjar/bench-smoke"}
HOME = ".nightjar/bench"
"""Of every form but the smallest, whose catalogs are others."""


@dataclass(frozen=True)
class Load:
    """Alerts of one survey by what they are for; every one is sent to the flow but the naive's.

    ``filtered`` ones are timed with the filters and without; 0: no filter reads this survey.
    ``caught`` ones are timed with a hundred filters of users.
    """

    warm: int
    timed: int
    idle: int
    open_loop: int
    singles: int
    naive: int
    filtered: int = 0
    caught: int = 0

    @property
    def flow(self) -> int:
        """Alerts that go through the flow."""
        once = self.warm + self.timed + self.idle + self.open_loop
        return once + self.singles + self.filtered + self.caught

    @property
    def total(self) -> int:
        return self.flow + self.naive

    @property
    def naive_warm(self) -> int:
        """Of the naive's alerts, those that are not timed."""
        return self.naive // 10


@dataclass(frozen=True)
class Profile:
    """Sizes of one form of the benchmark; as usual where it says nothing else.

    Attributes
    ----------
    ztf, lsst : Load
        Alerts.
    segments : int
        Timed segments of each survey.
    d_s : float
        Length of one measurement of D [s].
    still_s : float
        How long the system is watched when nothing comes [s].
    idle_rate_hz : float
        Mean rate of the Poisson stream that the idle latency is measured at.
    open_loop_s : float
        Longest open loop [s].
    catalog_a_rows, catalog_b_rows : int
        Rows of the point-source catalog and of the archival one.
    filter_pairs : int
        Segments with the filters, and as many without.
    curve : tuple of int
        Values of ``ranges.alerts_per_task`` tried beside the default.
    history_points : int
        Stored points of every object; without any, those that are timed are new.
    is_clustered : bool
        Whether 40 % of the point-source catalog's rows lie in one fifth of the sky.
    cutout_bytes : int
        If not 0: LSST packets without history, with three plain FITS cutouts of this size each.
    has_curves : bool
        Whether the curves of ``tests.bench.curves`` are measured too.
    free_bytes : int
        Disk that must be free before the run.
    one_in : int
        One alert in so many is compared in full.
    is_spoilt_after : bool
        Whether the run, once balanced, is spoilt to see that its books notice.
    is_judged : bool
        Whether it is large enough to judge the goals, and the sum of the CPU table.
    """

    name: str
    ztf: Load
    lsst: Load
    segments: int = 5
    d_s: float = 1.5
    still_s: float = 20.0
    idle_rate_hz: float = 1.0
    open_loop_s: float = 30.0
    catalog_a_rows: int = 5_000_000
    catalog_b_rows: int = 1_000_000
    filter_pairs: int = 4
    curve: tuple[int, ...] = (1,)
    history_points: int = 20
    is_clustered: bool = False
    cutout_bytes: int = 0
    has_curves: bool = False
    free_bytes: int = 20 * 10**9
    one_in: int = 100
    is_spoilt_after: bool = False
    is_judged: bool = True


PROFILES = {
    "smoke": Profile(
        "smoke",
        ztf=Load(warm=60, timed=160, idle=20, open_loop=60, singles=40, naive=40, caught=80),
        lsst=Load(warm=60, timed=60, idle=10, open_loop=30, singles=20, naive=20, filtered=40),
        segments=2,
        filter_pairs=1,
        d_s=0.2,
        still_s=1.0,
        idle_rate_hz=10.0,
        open_loop_s=3.0,
        catalog_a_rows=30_000,
        catalog_b_rows=10_000,
        free_bytes=6 * 10**9,
        one_in=5,
        is_spoilt_after=True,
        is_judged=False,
    ),
    "default": Profile(
        "default",
        ztf=Load(
            warm=1000, timed=20_000, idle=400, open_loop=6000, singles=1000, naive=500, caught=6000
        ),
        lsst=Load(
            warm=500, timed=5000, idle=300, open_loop=1500, singles=500, naive=500, filtered=16_000
        ),
    ),
}
PROFILES["full"] = replace(PROFILES["default"], name="full", has_curves=True, free_bytes=30 * 10**9)
CURVE = Profile(
    "curve",
    ztf=Load(warm=500, timed=4000, idle=0, open_loop=0, singles=0, naive=0),
    lsst=Load(warm=500, timed=4000, idle=0, open_loop=0, singles=0, naive=0),
    segments=4,
)
"""Of each point of a curve."""


IN_CURVES = (
    "LSST packets of 139 kB",
    "curves over catalog rows, stored history and alerts per task",
    "a clustered sky (the catalogs are uniform)",
)
ELSEWHERE = "gravitational-wave notice to Slack (make bench-gw)"


def not_measured(profile: Profile, chosen: Collection[str]) -> list[str]:
    """Return what of the benchmark's definition a run leaves out."""
    return [
        *(f"the {name.upper()} run" for name in ("ztf", "lsst") if name not in chosen),
        *(() if profile.has_curves else IN_CURVES),
        ELSEWHERE,
    ]


def home_path() -> Path:
    """Return the home of this run as an absolute path."""
    from broker.config import config, project_path

    return project_path(config().home)
