"""What the demo says of telescopes, and of one that does not do what it shall."""

import time

import pytest

from broker.config import config
from compose.native import standins
from pipeline.simulate import demo_telescope
from pipeline.simulate.demo_telescope import COMPLETED, FACTS, Look, Tour, TourError
from pipeline.telescope import ledger
from tests.integration.telescope.conftest import asked

pytestmark = pytest.mark.integration


@pytest.fixture
def told():
    return []


@pytest.fixture
def tour(database, set_up, monkeypatch, told):
    """A tour of the demo's telescopes, of which nobody hears."""
    monkeypatch.setattr(ledger, "enqueue", lambda *_: True)
    monkeypatch.setattr(demo_telescope, "POLL_S", 0.01)
    monkeypatch.setattr(demo_telescope, "PATIENCE_S", 0.1)
    values = standins.of_telescopes(config())
    set_up(**{name.removeprefix("NIGHTJAR_"): text for name, text in values.items()})
    return Tour(config(), told.append)


def wait_for(is_so):
    give_up_at = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_a_plain_demo_says_in_one_line_how_to_see_them(told):
    tour = Tour(config(), told.append)

    found = tour.start()

    assert found.is_settled
    assert "make demo TELESCOPE=1" in str(found)
    assert "\n" not in str(found)
    assert told == []


def test_telescopes_that_are_not_heard_of_end_it_in_one_line(tour, told):
    assert not tour.start().is_settled

    wait_for(lambda: tour.look().is_settled)

    failed = tour.look().failed
    assert "have not said how they are" in failed or "was not heard of" in failed
    assert "logs listen-telescope" in failed
    assert told == [f"Telescopes: {failed}"]


def test_a_command_that_ends_otherwise_is_named_with_its_state_and_reason(tour, told):
    command_id = asked("away")
    ledger.cancel(command_id, "owl", "not now")

    with pytest.raises(TourError, match=f"{command_id} is cancelled .*, not completed"):
        tour._wait_for_end(command_id, "completed")


def test_what_speaks_against_a_command_is_told_before_it_is_confirmed(tour, told):
    command_id = tour._ask("away", "Vela", 60.0)

    against, done = told
    assert "robotics has not been heard of yet; an operator must confirm" in against
    assert done.endswith(f"/telescopes/commands/{command_id}")


def test_what_is_left_is_said_until_all_has_been_shown():
    some = Look(is_here=True, shown=(COMPLETED,))

    assert not some.is_settled
    assert str(some).startswith(f"Telescopes: {COMPLETED}; to come: ")
    assert Look(is_here=True, shown=FACTS).is_settled
    assert "to come" not in str(Look(is_here=True, shown=FACTS))


def test_telescopes_of_somebodys_own_are_asked_for_nothing():
    assert "your own" in str(Look(is_here=False, others=2))
