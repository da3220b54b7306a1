"""How much one run does."""

from dataclasses import dataclass

from tests.bench.profiles import Load
from tests.bench.profiles import Profile as AlertProfile

HOME = ".nightjar/bench-gw"
FEW_ALERTS = Load(warm=20, timed=0, idle=0, open_loop=0, singles=0, naive=0)
"""Of LSST: never sent, but the sky is made for both surveys."""


@dataclass(frozen=True)
class Profile:
    """Sizes of one form of the benchmark.

    Attributes
    ----------
    warm : int
        Notices before those that are timed.
    idle : int
        Notices that are timed while nothing else is done.
    alerts : int
        ZTF packets on the topic while notices are timed; 0: never.
    gap_s : float
        Between two notices [s].
    has_plans : bool
        Whether plans are timed too.
    """

    name: str
    warm: int = 5
    idle: int = 200
    alerts: int = 12_000
    gap_s: float = 0.1
    has_plans: bool = True

    @property
    def of_alerts(self) -> AlertProfile:
        """The sizes of what the alert flow gets."""
        load = Load(warm=500, timed=self.alerts, idle=0, open_loop=0, singles=0, naive=0)
        return AlertProfile(
            f"gw-{self.name}",
            load,
            FEW_ALERTS,
            catalog_a_rows=500_000,
            catalog_b_rows=100_000,
            free_bytes=6 * 10**9,
        )


PROFILES = {
    one.name: one
    for one in (
        Profile("smoke", warm=1, idle=3, alerts=0, gap_s=0.0, has_plans=False),
        Profile("notices", has_plans=False),
        Profile("default"),
    )
}
