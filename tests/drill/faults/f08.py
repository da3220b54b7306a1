"""F8: a packet that kills its process, one that hangs, and one that hangs where no signal helps.

The setting ``testing.poison`` names them by candid. The first attempt takes its whole range along,
which is then cut into single packets; the poison dies three times more alone and is buried as
``worker_died`` at its fifth claim. Its neighbours are published, each once. Hangs end at the soft
limit, those that stick at the hard one; the drill shortens both.
"""

from dataclasses import dataclass

from pipeline.simulate.single import make_ztf_packet
from tests.drill import load as loads
from tests.drill.load import Parcel
from tests.drill.record import Fault
from tests.drill.stage import Stage

SOFT_S, HARD_S = 8, 11
"""Below the drill's lease (15 s), far above what a range of 20 takes."""
BURIED_WITHIN_S = 240.0
POISON = {"kill": 4_100_000_000_000_000_001, "hang": 4_100_000_000_000_000_002} | {
    "stick": 4_100_000_000_000_000_003
}
TITLES = {
    "kill": "a packet that kills its process",
    "hang": "a packet that hangs (soft limit)",
    "stick": "a packet that hangs in C (hard limit)",
}
_LETTERS = "SELECT count(*), min(message) FROM dead_letters WHERE reason = 'worker_died'"


def run(stage: Stage) -> None:
    """Send each kind of poison among good packets; the short form sends the one that kills."""
    stage.settings |= {
        "NIGHTJAR_TESTING__POISON": ",".join(f"{way}:{at}" for way, at in POISON.items()),
        "NIGHTJAR_TESTING__SOFT_LIMIT_S": str(SOFT_S),
        "NIGHTJAR_TESTING__HARD_LIMIT_S": str(HARD_S),
    }
    for way in POISON:
        if way == "kill" or not stage.is_short:
            _poison(stage, way)


@dataclass
class _Laced:
    """Makes good parcels, and once the one that was put in."""

    poison: Parcel | None = None

    def __call__(self, number: int) -> Parcel:
        poison, self.poison = self.poison, None
        return poison or loads.good(number)


def _poison(stage: Stage, way: str) -> None:
    packet = make_ztf_packet(candid=POISON[way], object_id="ZTF26poisons", has_cutouts=False)
    laced = _Laced()
    with stage.case(TITLES[way], make=laced, within_s=BURIED_WITHIN_S) as case:
        buried, _ = stage.system.sql(_LETTERS)[0]
        sent = len(_poison_sent(stage))
        laced.poison = Parcel("ztf", packet, None, "worker_died")
        stage.crew.wait(lambda: len(_poison_sent(stage)) > sent, "the poison in Kafka")
        case.strike()
        stage.crew.wait(
            lambda: stage.system.sql(_LETTERS)[0][0] > buried, "its burial", BURIED_WITHIN_S
        )
        number, message = stage.system.sql(_LETTERS)[0]
        assert number == buried + 1
        assert message.startswith("4 attempts failed"), message


def _poison_sent(stage: Stage) -> list[object]:
    return [one for one in stage.load.sent().values() if one.reason == "worker_died"]


FAULT = Fault("F8", "a packet that kills or hangs its process", run, is_short=True)
