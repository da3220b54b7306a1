"""The demo's telescopes: a command for every end, what Kafka refuses them, and one's silence."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from nightjar_telescope import (
    CommandAcknowledgment,
    KafkaAvroConsumer,
    KafkaAvroProducer,
    Login,
    RefusedError,
    TelescopeCommand,
    UnavailableError,
)

from broker.config import Config, project_path
from broker.db import transaction
from broker.outages import OUTAGES
from pipeline.simulate import observatory
from pipeline.simulate.observatory import AWAY, CHUNKS, FALLS_SILENT, OBEYS, REJECTS
from pipeline.simulate.patience import patiently
from pipeline.telescope import board, ledger, observed, wish
from pipeline.telescope.record import telescope
from pipeline.telescope.tables import END_STATES
from pipeline.telescope.tables import TelescopeCommand as Row

BY = "the demo"
POLL_S = 1.0
PATIENCE_S = 240.0
"""For whatever is waited for; a small machine has an alert night at the same time."""
TRIES = 3
"""A machine that is too busy lets a command time out that is to complete."""
SHORT_S, LONG_S = 60.0, 3600.0
"""Integration times: of what shall complete, and of what is cancelled meanwhile."""
HEARD, DENIED, COMPLETED, REJECTED, CANCELLED, TIMED_OUT, SILENT, BACK = FACTS = (
    "telescopes heard",
    "another's commands refused",
    "completed with data",
    "rejected",
    "cancelled",
    "timed out",
    "silent",
    "heard again",
)
RIGHT_IS_MISSING = "Topic authorization failed"
LOGS = "Look: python compose/native logs listen-telescope (or simulate, worker-commands)"


class TourError(Exception):
    """Something was not as it shall be; the message says what, for people."""


@dataclass(frozen=True)
class Look:
    """What has been shown.

    Attributes
    ----------
    is_here : bool
        There are telescopes of the demo's.
    shown : sequence of str
        Of ``FACTS``.
    failed : str
        Why there is nothing more to come; empty: there is, or all has come.
    others : int
        Telescopes of somebody's own, which the demo leaves alone.
    """

    is_here: bool
    shown: Sequence[str] = ()
    failed: str = ""
    others: int = 0

    @property
    def left(self) -> list[str]:
        """What is still to come."""
        return [each for each in FACTS if each not in self.shown] if self.is_here else []

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing more comes."""
        return bool(self.failed) or not self.left

    def __str__(self) -> str:
        if not self.is_here:
            if self.others:
                return "Telescopes: your own are listened to; the demo asks them for nothing"
            return (
                "Telescopes: none; make demo TELESCOPE=1 shows commands, data and rights of four"
                " (with a schema registry, 158 MB once)"
            )
        if self.failed:
            return f"Telescopes: {self.failed}"
        shown = ", ".join(self.shown) or "nothing yet"
        return f"Telescopes: {shown}" + (f"; to come: {', '.join(self.left)}" if self.left else "")


class Tour:
    """Asks the demo's telescopes for observations, in threads of its own.

    Parameters
    ----------
    settings : Config
        Which say whether they are here.
    tell : callable
        Is given a line for people whenever something has happened.
    """

    def __init__(self, settings: Config, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._tell = tell
        self._url = f"{settings.web.public_url}/telescopes"
        self._is_here = observatory.is_here(settings)
        self._began = datetime.now(UTC)
        self._shown: set[str] = set()
        self._failed = ""
        self._stop = threading.Event()

    def start(self) -> Look:
        """Begin; return that nothing has been shown yet."""
        if self._is_here:
            for work in (self._ask_all, self._watch_silence):
                args = (work,)
                threading.Thread(
                    target=self._run, args=args, name="demo-telescope", daemon=True
                ).start()
        return self.look()

    def stop(self) -> None:
        """Show nothing more."""
        self._stop.set()

    def look(self) -> Look:
        """Return what has been shown."""
        others = 0 if self._is_here else len(self._settings.telescopes)
        return Look(
            self._is_here,
            tuple(each for each in FACTS if each in self._shown),
            self._failed,
            others,
        )

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (TourError, ledger.NotNowError, UnavailableError, *OUTAGES) as error:
            if not (self._failed or self._stop.is_set()):
                self._failed = f"{error}. {LOGS}"
                self._say(self._failed)

    def _ask_all(self) -> None:
        self._wait_until_heard()
        self._show(DENIED, refusals(self._settings))
        for name in observatory.TELESCOPES:
            patiently(partial(self._resume, name))
        rejected = self._ask(REJECTS, "Crab", SHORT_S)
        unanswered = self._ask(AWAY, "Vela", SHORT_S)
        self._complete()
        self._cancel()
        row = self._wait_for_end(rejected, "rejected")
        self._show(REJECTED, f"RAIN rejected its command ({row.error_code})")
        self._wait_for_end(unanswered, "timeout")
        self._show(TIMED_OUT, "AWAY has not answered in time: timed out")

    def _wait_until_heard(self) -> None:
        names = [name for name in observatory.TELESCOPES if name != AWAY]
        titles = " and ".join(telescope(name).title for name in names)

        def are_heard() -> bool:
            with transaction() as session:
                heard = [one for name in names for one in board.health(session, telescope(name))]
            return all(one.heard_at and one.heard_at > self._began for one in heard)

        self._wait(are_heard, f"{titles} have not said how they are")
        self._show(HEARD, f"BEAM, TCA and RAIN say how they are; the board: {self._url}")

    def _resume(self, name: str) -> None:
        """Undo what somebody stopped in a demo before this one."""
        with transaction() as session:
            accepts = board.accepts_commands(session, name)
        if not accepts:
            ledger.resume(name, BY, "a demo begins")

    def _ask(self, name: str, target: str, integration_s: float) -> str:
        """Ask for an observation, confirming what speaks against it; return the command's id."""
        asked = _wish(name, target, integration_s)
        title = telescope(name).title
        try:
            act = patiently(lambda: ledger.create(asked, BY))
        except ledger.UnconfirmedError as error:
            self._say(f"{title}: {error}; an operator must confirm, and the demo does")
            act = patiently(lambda: ledger.create(asked, BY, is_confirmed=True))
        self._say(f"{title} is asked for {target}: {self._url}/commands/{act.command_id}")
        return act.command_id

    def _complete(self) -> None:
        for attempt in range(TRIES):
            command_id = self._ask(OBEYS, "M31", SHORT_S)
            expected = END_STATES if attempt + 1 < TRIES else ("completed",)
            row = self._wait_for_end(command_id, *expected)
            if row.state == "completed":
                break
            self._say(f"BEAM's command ended as {row.state}, this machine is busy: once more")
        place = row.observation_id
        self._wait(lambda: _pieces(place) == CHUNKS, f"not all {CHUNKS} pieces of {place} came")
        self._show(
            COMPLETED,
            f"BEAM completed it; its {CHUNKS} pieces of data are rows of telescope_data_raw:"
            f" {self._url}/observations/{place}",
        )

    def _cancel(self) -> None:
        command_id = self._ask(OBEYS, "M33", LONG_S)
        self._wait_for_end(command_id, "started")
        patiently(lambda: ledger.cancel(command_id, BY, "to show it"))
        self._say("BEAM has started; it is asked to cancel")
        self._wait_for_end(command_id, "cancelled")
        self._show(CANCELLED, "BEAM has cancelled it")

    def _watch_silence(self) -> None:
        """Tell when a telescope falls silent on the board, and when it is heard again."""
        title = telescope(FALLS_SILENT).title
        self._wait(lambda: HEARD in self._shown, f"{title} was not heard of")
        self._wait(lambda: bool(_doubts()), f"{title} did not fall silent")
        self._show(SILENT, f"{title} is stale on {self._url}: {_doubts() or 'heard again'}")
        self._wait(lambda: not _doubts(), f"{title} is not heard again")
        self._show(BACK, f"{title} is heard again")

    def _wait_for_end(self, command_id: str, *states: str) -> Row:
        """Wait for one of these states; another end is an error that names it."""
        found: list[Row] = []

        def is_so() -> bool:
            with transaction() as session:
                row = session.get_one(Row, command_id)
            found.append(row)
            return row.state in states or row.state in END_STATES

        self._wait(is_so, f"{command_id} is not {' or '.join(states)}")
        row = found[-1]
        if row.state not in states:
            said = row.error_code or row.timeout_stage or row.last_error or "no reason"
            raise TourError(f"{command_id} is {row.state} ({said}), not {' or '.join(states)}")
        return row

    def _wait(self, is_so: Callable[[], bool], trouble: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while not patiently(is_so):
            if self._stop.wait(POLL_S):
                raise TourError("the demo ended")
            if time.monotonic() > give_up_at:
                raise TourError(f"{trouble} after {PATIENCE_S:.0f} s")

    def _show(self, fact: str, text: str) -> None:
        self._shown.add(fact)
        self._say(text)

    def _say(self, text: str) -> None:
        if not self._stop.is_set():
            self._tell(f"Telescopes: {text}")


def refusals(settings: Config) -> str:
    """Let one telescope's application try the topics of another; return what Kafka said.

    Raises
    ------
    TourError
        If Kafka let it.
    """
    home = Path(project_path(settings.home))
    other, mine = telescope(FALLS_SILENT), telescope(OBEYS)
    player = next(each for each in observatory.players() if each.telescope == other.name)
    login = Login.read(observatory.login_file(home, player))
    said = asyncio.run(_refusals(login, settings.registry.url, mine.prefix))
    return f"{player.principal} may neither read nor write for {mine.title}: {said}"


async def _refusals(login: Login, registry_url: str, prefix: str) -> str:
    commands = KafkaAvroConsumer(
        *(login.bootstrap_servers, registry_url, f"{prefix}commands", login.group_id),
        TelescopeCommand,
        security=login.security,
    )
    answers = KafkaAvroProducer(
        *(login.bootstrap_servers, registry_url, f"{prefix}acknowledgments"),
        CommandAcknowledgment,
        security=login.security,
    )
    said = []
    for client in (commands, answers):
        try:
            await client.start()
        except RefusedError as error:
            if RIGHT_IS_MISSING not in str(error):  # a login that is none proves nothing
                raise TourError(str(error)) from error
            said.append(str(error))
        else:
            await client.stop()
            raise TourError(f"{login.security['sasl.username']} reached {prefix}*")
    return " · ".join(said)


def _wish(name: str, target: str, integration_s: float) -> wish.Wish:
    return wish.Wish(
        name,
        {
            "target_name": target,
            "observation_object": "galaxy",
            "ra": 10.685,
            "dec": 41.269,
            "center_frequency": 1420.0,
            "rf_gain": 10.0,
            "if_gain": 10.0,
            "bb_gain": 10.0,
            "observation_type": "spectroscopy",
            "integration_time": integration_s,
            "output_filename": f"{target.lower()}.fits",
        },
        origin="api",
        idempotency_key=f"demo:{uuid.uuid4()}",
    )


def _pieces(observation_id: str) -> int:
    with transaction() as session:
        return observed.observation(session, observation_id, 1).count


def _doubts() -> str:
    """Return what the board says against the telescope that falls silent."""
    with transaction() as session:
        return "; ".join(board.doubts(session, telescope(FALLS_SILENT)))
