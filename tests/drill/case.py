"""One case of a fault: when it struck, how long recovery took, and whether the books are right."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from broker.db import transaction
from pipeline.alerts.ledger import read as read_ledger
from tests.drill import books as booking
from tests.drill.books import Accounts
from tests.drill.load import Coordinate, Parcel, Sent
from tests.drill.record import Outcome
from tests.e2e.published import Published

if TYPE_CHECKING:
    from tests.drill.stage import Stage

ALERTS_PER_TASK = 20
MESSAGES_PER_ALERT = 3
RATE_PER_S = 40.0
BEGUN_WITHIN_S = 60.0
PROBES = 8
RECOVERED_WITHIN_S = 120.0
POLL_S = 0.25
SHORTEST_WINDOW_S = 1.0
"""Alerts per second over less would say nothing."""


class Case:
    """What happens between two looks at the books; made by ``Stage.case``.

    Attributes
    ----------
    outcome : Outcome
        Filled as it goes.
    complaints : list of str
        What the fault found wrong by itself; the books are looked at all the same.
    least_repeated, most_repeated : int
        Messages that must, and that may come again.
    """

    def __init__(
        self,
        stage: "Stage",
        name: str,
        repeats: tuple[int, int],
        may_be: Sequence[str],
        within_s: float,
        *,
        keeps_rows: bool,
    ) -> None:
        self.outcome = Outcome(stage.fault, name)
        self.least_repeated, self.most_repeated = repeats
        self._stage = stage
        self._may_be = may_be
        self._within_s = within_s * stage.patience
        self._keeps_rows = keeps_rows
        self.complaints: list[str] = []
        self._marked: list[tuple[set[tuple[str, str]], float]] = []
        self._sent_earlier: set[Coordinate] = set()
        self._repeated_earlier = 0
        self._messages_earlier = 0
        self._began_at_s = self._struck_at_s = self._over_at_s = 0.0
        self._killed_earlier = 0

    def begin(self, rate_per_s: float, make: Callable[[int], Parcel]) -> None:
        """Wait until all processes are at work, then let alerts flow."""
        stage = self._stage
        self._sent_earlier = set(stage.load.sent())
        self._messages_earlier, self._repeated_earlier = self._counted()
        self._killed_earlier = stage.crew.killed.total()
        stage.load.send(PROBES, make)
        stage.crew.wait(lambda: not self._behind(), "the first alerts", BEGUN_WITHIN_S)
        stage.load.start(rate_per_s, make)
        self._began_at_s = time.time()
        time.sleep(stage.calm_s)

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Mark the time of the fault: the body is how long it lasts."""
        self._struck_at_s = time.time()
        try:
            yield
        finally:
            self._over_at_s = time.time()

    def strike(self) -> None:
        """Mark the moment of a fault that lasts no time, as a death does."""
        self._struck_at_s = self._over_at_s = time.time()

    def must_not_come_again(self, alerts: set[tuple[str, str]], moment_s: float) -> None:
        """Demand that no message of alerts (survey, candid) follows a moment (Unix time)."""
        self._marked.append((alerts, moment_s))

    def end(self) -> None:
        """Wait for recovery under load, then for the rest; check the books; fill the outcome.

        Raises
        ------
        AssertionError
            Saying what is wrong.
        """
        assert self._over_at_s, "no fault was marked"
        stage = self._stage
        before = {at for at, one in stage.load.sent().items() if one.at_s <= self._over_at_s}
        self._wait(lambda: not self._accounts().missing(before), "recovery", before)
        time.sleep(stage.calm_s)
        stage.load.stop()
        sent = stage.load.sent()
        try:
            self._wait(lambda: self._is_settled(sent), "the end", sent)
        finally:
            self._measure(sent)
        self._check(sent)

    def _measure(self, sent: dict[Coordinate, Sent]) -> None:
        outcome, accounts = self.outcome, self._stage.books.accounts()
        mine = sent.keys() - self._sent_earlier
        outcome.sent = len(mine)
        outcome.bad = sum(sent[at].candid is None for at in mine)
        outcome.lost = len(accounts.missing(mine))
        living = [accounts.living[at] for at in mine & accounts.living.keys()]
        outcome.duplicates = sum(one.is_duplicate for one in living)
        outcome.rows = len(living) - outcome.duplicates
        outcome.dead_letters = len(mine & accounts.letters.keys())
        outcome.kills = self._stage.crew.killed.total() - self._killed_earlier
        outcome.memory_mb = round(self._stage.crew.memory_mb)
        self._measure_load(accounts, mine, sent)

    def _measure_load(
        self, accounts: Accounts, mine: set[Coordinate], sent: dict[Coordinate, Sent]
    ) -> None:
        done = {at: accounts.done_at_s(at) for at in mine - accounts.missing(mine)}
        waited_for = [done[at] for at in done if sent[at].at_s <= self._over_at_s]
        recovered_at_s = max([self._over_at_s, *waited_for])
        outcome = self.outcome
        outcome.recovery_s = recovered_at_s - self._over_at_s

        def rate(begin: float, end: float) -> float:
            return _rate(list(done.values()), begin, end)

        outcome.before_per_s = rate(self._began_at_s, self._struck_at_s)
        outcome.during_per_s = rate(
            self._struck_at_s, max(recovered_at_s, self._struck_at_s + SHORTEST_WINDOW_S)
        )
        outcome.after_per_s = rate(recovered_at_s, max(done.values(), default=0.0))

    def _check(self, sent: dict[Coordinate, Sent]) -> None:
        books = self._stage.books
        accounts = books.accounts()
        wrong = self.complaints + booking.mistakes(accounts, sent, self._may_be)
        wrong += booking.effect_mistakes(books.objects(), sent, are_all_stored=not accounts.letters)
        messages, repeated = self._counted()
        self.outcome.messages = messages - self._messages_earlier
        self.outcome.repeated = repeated - self._repeated_earlier
        published = books.published()
        wrong += booking.delivery_mistakes(published, books.decided())
        if not self.least_repeated <= self.outcome.repeated <= self.most_repeated:
            allowed = f"{self.least_repeated} to {self.most_repeated}"
            wrong.append(f"{self.outcome.repeated} messages repeated, not {allowed}")
        if late := self._came_again(published):
            wrong.append(f"{late} messages that were marked as published came again")
        if self._keeps_rows:
            wrong += booking.unexplained(published, books)
        if slices := books.wrong_slices():
            wrong.append(f"{slices} alerts are not in the archive as they came")
        with transaction() as session:  # what ``manage.py ledger`` prints
            ledger = read_ledger(session)
        if not ledger.is_balanced:
            wrong.append(f"the ledger does not balance: {ledger.as_json()}")
        assert wrong == [], "; ".join(wrong)

    def _counted(self) -> tuple[int, int]:
        """Return the messages of the stage so far, and how many of them had come before."""
        published = self._stage.books.published()
        return len(published), len(published) - len({booking.sending(one) for one in published})

    def _came_again(self, published: Sequence[Published]) -> int:
        return sum(
            message.timestamp_ms / 1e3 > moment_s
            and (message.headers["survey"], message.headers["candid"]) in alerts
            for alerts, moment_s in self._marked
            for message in published
        )

    def _behind(self) -> int:
        """Return how many packets wait."""
        return len(self._accounts().missing(self._stage.load.sent()))

    def _accounts(self) -> Accounts:
        return self._stage.books.accounts()

    def _is_settled(self, sent: dict[Coordinate, Sent]) -> bool:
        return self._stage.books.is_settled(sent)

    def _wait(self, is_so: Callable[[], bool], what: str, sent: object) -> None:
        give_up_at = time.monotonic() + self._within_s
        while not is_so():
            if time.monotonic() > give_up_at:
                missing = self._accounts().missing(sent)
                raise AssertionError(
                    f"{what} did not come in {self._within_s:.0f} s: {len(missing)} packets are not"
                    f" accounted for; {self._stage.books.open()}"
                )
            time.sleep(POLL_S)


def _rate(moments_s: Sequence[float], begin_s: float, end_s: float) -> float | None:
    """Return how many moments a second lie in a window; None when it is too short to say."""
    if end_s - begin_s < SHORTEST_WINDOW_S:
        return None
    return sum(begin_s <= at < end_s for at in moments_s) / (end_s - begin_s)
