"""How large the archive of one run is."""

from dataclasses import dataclass

HOME = ".nightjar/bench-api"
SEED = 20261121


@dataclass(frozen=True)
class Profile:
    """Sizes of one form of the benchmark.

    Attributes
    ----------
    alerts : int
        Stored alerts, three quarters of ZTF.
    alerts_per_object : int
        Of each object.
    points_per_curve : int
        Detections of each object's light curve; half as many forced points.
    nights : int
        Over which the alerts are spread.
    rounds : int
        How often each question is asked, each time about another place.
    warm : int
        How often before that, untimed.
    login_rounds : int
        How often each kind of log-in is tried.
    is_judged : bool
        Whether the goals count.
    """

    name: str
    alerts: int
    alerts_per_object: int = 10
    points_per_curve: int = 40
    nights: int = 365
    rounds: int = 200
    warm: int = 3
    login_rounds: int = 40
    is_judged: bool = True


PROFILES = {
    one.name: one
    for one in (
        Profile("smoke", 4_000, nights=5, rounds=2, warm=0, login_rounds=2, is_judged=False),
        Profile("small", 500_000, is_judged=False),
        Profile("default", 5_000_000),
    )
}
