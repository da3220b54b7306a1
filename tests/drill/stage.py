"""The world of a fault: a database, topics and processes of its own, and the cases played on it."""

import os
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Self

from redis import Redis

from broker.config import config
from tests.drill import caught
from tests.drill import crew as crews
from tests.drill import load as loads
from tests.drill.books import Books
from tests.drill.case import ALERTS_PER_TASK, RATE_PER_S, RECOVERED_WITHIN_S, Case
from tests.drill.crew import Crew, Member
from tests.drill.ground import Ground
from tests.drill.load import Load, Parcel
from tests.drill.record import Fault, Outcome, Skipped
from tests.drill.servers import Servers
from tests.e2e.system import System, fresh_system, make_input_topic
from tests.redis_databases import RedisDatabase

SEED = 496
CALM_S = 3.0
SHORT_CALM_S = 0.5
STREAMS = ("ztf", "lsst")
LINES = 5
LINE_CHARACTERS = 400
COMPLAINT = re.compile(r'^.*"level": "(?:warning|error|critical)".*$|^[^{].*Error.*$', re.MULTILINE)
QUICK = {
    "NIGHTJAR_RANGES__ALERTS_PER_TASK": str(ALERTS_PER_TASK),
    "NIGHTJAR_RANGES__LEASE_S": "15",
    "NIGHTJAR_RANGES__RING_AFTER_S": "3",
    "NIGHTJAR_RANGES__SESSION_TIMEOUT_MS": "6000",
    "NIGHTJAR_USER_FILTERS__MESSAGES_PER_NIGHT": "1000000",
}
"""Seconds to notice what otherwise takes a minute and a half."""


class NotBegunError(Exception):
    """No alert came through before anything was broken."""


class Stage:
    """Everything that the cases of a fault share; use it as a context.

    Parameters
    ----------
    ground : Ground
        The servers.
    number : int
        Tells its packets from those of other stages.
    is_short : bool
        A case or two of each kind are enough.
    patience : float
        Every limit on waiting is this many times as long, and the load as much lighter.
    say : callable
        Hears of each outcome.

    Attributes
    ----------
    system, crew, load, books : System, Crew, Load, Books
        Made anew after a case that failed, so that it cannot spoil the next one.
    calm_s : float
        How long load flows undisturbed before and after [s].
    cast : dict
        Who runs at the beginning of each case, by name; a fault may change it.
    settings : dict
        Settings of our processes; what is put here holds for those that start from then on.
    outcomes : list of Outcome
        One per case so far.
    """

    system: System
    crew: Crew
    load: Load
    books: Books

    def __init__(
        self,
        ground: Ground,
        number: int,
        *,
        is_short: bool,
        patience: float = 1.0,
        say: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self.ground = ground
        self.fault = ""
        self.is_short = is_short
        self.patience = patience
        self.calm_s = SHORT_CALM_S if is_short else CALM_S
        self.settings: dict[str, str] = {}
        self.cast: dict[str, Member] = {}
        self.outcomes: list[Outcome] = []
        self._number = number
        self._say = say
        self._builds = 0
        self._manned: dict[str, dict[str, str]] = {}
        """Settings that each process was started with."""
        self._held = ExitStack()

    def __enter__(self) -> Self:
        """Build the world; nothing runs in it yet."""
        self._build()
        return self

    def __exit__(self, *_raised: object) -> None:
        """Stop every process of ours."""
        self._held.close()

    def play(self, fault: Fault) -> list[Outcome]:
        """Play a fault with the usual cast; return what became of each of its cases."""
        before = len(self.outcomes)
        self.fault = fault.number
        self._reset_settings()
        self.cast = {f"listen-{stream}": crews.listener(stream) for stream in STREAMS}
        self.cast["worker"] = crews.worker("worker")
        if not self.is_short:
            # Whatever sweeps and sends again by itself must do no harm under any fault.
            self.cast["worker-upkeep"] = crews.worker("worker-upkeep", 1, queue="upkeep")
            self.cast["beat"] = crews.beat()
        with suppress(NotBegunError):  # noted as a failed case; the others need the same crew
            fault.run(self)
        return self.outcomes[before:]

    @property
    def servers(self) -> Servers:
        """Return what may be done to the servers.

        Raises
        ------
        Skipped
            If they are shared with others.
        """
        if self.ground.servers is None:
            raise Skipped("the servers are shared with other tests")
        return self.ground.servers

    def skip(self, case: str, why: str) -> None:
        """Note that a case was not tried, and why."""
        self._note(Outcome(self.fault, case, skipped=why))

    @contextmanager
    def case(
        self,
        name: str,
        *,
        at_most_repeated: int = 0,
        at_least_repeated: int = 0,
        make: Callable[[int], Parcel] = loads.good,
        rate_per_s: float = RATE_PER_S,
        may_be: Sequence[str] = (),
        keeps_rows: bool = True,
        within_s: float = RECOVERED_WITHIN_S,
    ) -> Iterator["Case"]:
        """Play one case: load flows before, during and after, then the books are checked.

        The body strikes (``Case.fault`` or ``Case.strike``) and checks what is its own. What it
        raises makes the case fail; it is noted in the outcome, and the next case gets a new world.

        Parameters
        ----------
        name : str
            Of the case.
        at_most_repeated, at_least_repeated : int
            Messages that may come again, 0 where the design allows none; and that must, where
            otherwise the fault did not do what it should.
        make : callable
            Returns the parcel of a number.
        rate_per_s : float
            Parcels per second.
        may_be : sequence of str
            Reasons for which a good packet may be buried.
        keeps_rows : bool
            The bookkeeping is left alone, so that repeated messages must lie in ranges whose rows
            say that a worker was lost.
        within_s : float
            Longest time to recover [s].
        """
        repeats = (at_least_repeated, at_most_repeated)
        case = Case(self, name, repeats, may_be, within_s, keeps_rows=keeps_rows)
        has_begun = False
        try:
            self.man()
            case.begin(rate_per_s / self.patience, make)
            has_begun = True
            yield case
            case.end()
        except Skipped as why:
            case.outcome.skipped = str(why)
            self.load.pause()
        except Exception as error:  # noqa: BLE001 a case that fails must not hide the others
            case.outcome.error = f"{type(error).__name__}: {error}"
            case.outcome.error += "\n" + self.told()
            self._build()
        self._note(case.outcome)
        if not has_begun:
            raise NotBegunError(name)

    def told(self) -> str:
        """Return the last complaints in each log."""
        return "\n".join(
            f"--- {path.name}\n" + "\n".join(line[:LINE_CHARACTERS] for line in found[-LINES:])
            for path in sorted(self.system.logs.glob("*.log"))
            if (found := COMPLAINT.findall(path.read_text(errors="replace")))
        )

    def _note(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._say(outcome)

    def _build(self) -> None:
        self._held.close()
        self._held = ExitStack()
        self._mend_servers()
        self._builds += 1
        self._manned.clear()
        folder = self.ground.folder / f"stage-{self._number}-{self._builds}"
        folder.mkdir()
        database = self.ground.make_database()
        self.system = self._held.enter_context(fresh_system(database, folder))
        with Redis.from_url(self._redis_url()) as redis:
            redis.flushdb()
        self.system.environment = ChainMap(self.settings, dict(self.system.environment))
        topics = {stream: make_input_topic(self.system, stream) for stream in STREAMS}
        # The process id keeps runs apart that share a broker.
        world = 10_000 * os.getpid() + 100 * self._number + self._builds
        self.load = Load(topics, world * loads.PER_STAGE)
        self._held.callback(self.load.abandon)
        self.books = Books(self.system, topics, self.load.owns, caught.make(self.system))
        self.crew = Crew(self.system, SEED, self.patience)
        self.crew.open()
        self._held.callback(self.crew.close)

    def _reset_settings(self) -> None:
        self.settings.clear()  # in place: our processes read this very dictionary
        self.settings |= QUICK | {"NIGHTJAR_REDIS__URL": self._redis_url()}

    def _redis_url(self) -> str:
        return RedisDatabase.DRILL.url(config().redis.url.get_secret_value())

    def _mend_servers(self) -> None:
        if self.ground.servers is not None:
            for part in self.ground.servers.parts:
                self.ground.servers.thaw(part)
                self.ground.servers.start(part)

    def man(self) -> None:
        """Let exactly the cast run, with the settings of now."""
        for name in self.crew.names():
            if name not in self.cast:
                self.crew.stop(name)
        for name, member in self.cast.items():
            wanted = (member, dict(self.settings))
            if (self.crew.member(name), self._manned.get(name)) != wanted:
                self.crew.want(name, replace(member))
                self._manned[name] = dict(self.settings)
