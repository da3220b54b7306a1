"""Simulated telescopes of every manner in one process, before our listener, ledger and sink."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, text

from broker.config import config
from broker.db import transaction
from broker.kafka import own_connection
from pipeline.simulate.telescope import Manners
from pipeline.simulate.telescope_bus import Place, SimulatedApplication
from pipeline.telescope import send, tasks
from pipeline.telescope.listener import TelescopeListener, make_telescope_listener
from pipeline.telescope.record import Telescope, telescope
from pipeline.telescope.settle import settle
from pipeline.telescope.tables import TelescopeCommand
from tests import native
from tests.integration.telescope.conftest import asked

PATIENCE_S = 180.0
APPLICATION = "handler"
KEPT = (
    "telescope_commands",
    "telescope_acknowledgments",
    "telescope_statuses",
    "telescope_latest_status",
    "telescope_data_raw",
    "dead_letters",
)
"""Everything that is stored of what telescopes say."""


class Players(threading.Thread):
    """Applications that obey, each in its manner, until they are told to stop."""

    def __init__(self, manners: Mapping[str, Manners], down_s: Mapping[str, float]) -> None:
        super().__init__(daemon=True)
        self._applications = [
            SimulatedApplication(place(telescope(name)), each, down_s.get(name, 0.0))
            for name, each in manners.items()
        ]
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._loop.run_until_complete(self._all())
        except BaseException as error:  # noqa: BLE001 told by who waits
            self.error = error
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    def end(self) -> None:
        if self.is_alive():
            self._loop.call_soon_threadsafe(self._ending.set)
        self.join(60)
        assert not self.is_alive()
        assert self.error is None

    async def _all(self) -> None:
        await asyncio.gather(*(each.run(self._ending) for each in self._applications))


@contextmanager
def playing(
    manners: Mapping[str, Manners], down_s: Mapping[str, float] | None = None
) -> Iterator[Players]:
    players = Players(manners, down_s or {})
    players.start()
    try:
        yield players
    finally:
        players.end()


@contextmanager
def listening() -> Iterator[TelescopeListener]:
    listener = make_telescope_listener("telescope", "0")
    try:
        yield listener
    finally:
        listener.close()


def place(played: Telescope) -> Place:
    """Return where an application works, with rights to everything: who may what is seen elsewhere."""
    login = own_connection("admin")
    security = {k: v for k, v in login.items() if k.startswith(("security.", "sasl.", "ssl."))}
    servers, registry = login["bootstrap.servers"], config().registry.url
    group = f"{played.name}-{APPLICATION}"
    return Place(APPLICATION, group, played.prefix, True, servers, registry, security)


def until(is_so: Callable[[], bool], listener: TelescopeListener, what: str) -> None:
    """Listen, and end what is due, until something is so."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up_at, f"{what} never came: {states()}"
        listener.tick()
        with transaction() as session:
            settle(session, tasks._due(session))


def command(name: str, **more: Any) -> str:
    """Ask a telescope for an observation, and send it."""
    command_id = asked(name, **more)
    native.patiently(lambda: send.send_all(name))
    return command_id


def states() -> dict[str, str]:
    """Return the state of the first command of each telescope."""
    newest_first = select(TelescopeCommand.telescope, TelescopeCommand.state).order_by(
        TelescopeCommand.created_at.desc()
    )
    with transaction() as session:
        return dict(tuple(row) for row in session.execute(newest_first))


def everything() -> dict[str, list[Any]]:
    """Return all rows of all that is kept."""
    with transaction() as session:
        return {
            table: [
                tuple(row) for row in session.execute(text(f"SELECT * FROM {table} ORDER BY 1"))
            ]
            for table in KEPT
        }
