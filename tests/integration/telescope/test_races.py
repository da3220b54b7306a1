"""What two do to the same commands at once: two connections, each step made to wait for the other."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text

from broker.db import transaction
from pipeline.telescope import ledger, send
from pipeline.telescope.rows import NotNowError, lock, switch
from pipeline.telescope.tables import TelescopeCommand
from tests.integration.telescope.conftest import asked

pytestmark = [pytest.mark.integration, pytest.mark.slow]

PATIENCE_S = 60
WAITING = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.fixture
def bus(database, beam, bells):
    """A telescope in a database where transactions are real."""
    return beam


@pytest.fixture
def other():
    """A second thread, and with it a second connection."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def until_it_waits(future: Future) -> None:
    """Return when the other one waits for a lock, or has done its work."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not future.done():
        with transaction() as session:
            if session.scalar(WAITING):
                return
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def change(command_id, **values):
    with transaction() as session:
        row = session.get_one(TelescopeCommand, command_id)
        for name, value in values.items():
            setattr(row, name, value)


def locked_row(session, command_id):
    statement = select(TelescopeCommand).where(TelescopeCommand.command_id == command_id)
    return session.scalars(statement.with_for_update()).one()


def starts(states):
    with transaction() as session:
        rows = select(TelescopeCommand.command_id).where(TelescopeCommand.state.in_(states))
        return list(session.scalars(rows))


@pytest.mark.parametrize(("act", "state"), [("retry", "failed"), ("resend", "unknown")])
def test_who_asks_again_waits_for_who_stops(bus, other, act, state):
    name = asked("beam")
    change(name, state=state)

    with transaction() as session:
        lock(session, "beam")
        again = other.submit(getattr(ledger, act), name, "owl", "why", is_confirmed=True)
        until_it_waits(again)
        switch(session, "beam", "owl", "lightning", accepts=False)

    with pytest.raises(NotNowError, match="accepts no commands"):
        again.result(PATIENCE_S)
    assert starts(["requested"]) == []


def test_a_cancel_is_noted_as_sent_while_its_start_is_answered(bus, other):
    name = asked("beam")
    change(name, state="sent", sent_at=datetime.now(UTC), attempts=1)
    cancel = ledger.cancel(name, "owl", "clouds").new_id
    change(cancel, state="sending", attempts=1)

    def become_sent():
        with transaction() as session:
            send._become_sent(session, cancel, 0, datetime.now(UTC))

    with transaction() as session:
        locked_row(session, name)  # as whoever settles it: start first, then its cancel
        noted = other.submit(become_sent)
        until_it_waits(noted)
        locked_row(session, cancel)

    noted.result(PATIENCE_S)
    assert starts(["sent"]) == [name, cancel]


def test_a_lost_cancel_is_looked_for_while_its_start_is_answered(bus, other, monkeypatch):
    name = asked("beam")
    change(name, state="sent", sent_at=datetime.now(UTC), attempts=1)
    cancel = ledger.cancel(name, "owl", "clouds").new_id
    change(
        cancel, state="sending", attempts=1, owner="o", noted_offset=0,
        lease_until=datetime.now(UTC),
    )  # fmt: skip
    monkeypatch.setattr(send, "_find", lambda _: (0, datetime.now(UTC)))

    with transaction() as session:
        locked_row(session, name)
        looked = other.submit(send.recover, cancel)
        until_it_waits(looked)
        locked_row(session, cancel)

    looked.result(PATIENCE_S)
    assert starts(["sent"]) == [name, cancel]


def test_whoever_stops_and_whoever_sends_do_not_wait_for_each_other(bus, other):
    early, late = asked("beam"), asked("beam")
    change(late, receive_by=datetime.now(UTC))

    with transaction() as session:
        locked_row(session, early)  # as a stop, which takes rows in their order
        taken = other.submit(send._lease, "beam")
        until_it_waits(taken)
        locked_row(session, late)

    assert taken.result(PATIENCE_S).row.command_id == early
