"""Whose data lands where: BEAM, whose ids have no word in front, beside a telescope that has one."""

import json

import pytest

from broker.db import transaction
from broker.kafka_types import Packet
from broker.sections.telescope import BEAM
from pipeline.telescope.decode_data import Piece
from pipeline.telescope.record import telescope
from pipeline.telescope.sink_rows import store
from pipeline.telescope.tables import TelescopeCommand
from tests.integration.telescope.conftest import asked, bells, records
from tests.integration.telescope_data.world import letters, piece, rows

__all__ = ["bells"]

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("database")]


def observation_of(command_id):
    with transaction() as session:
        return session.get_one(TelescopeCommand, command_id).observation_id


def stored(name, *messages):
    """Store messages as those of a telescope; return what became of them."""
    pieces = [Piece(Packet(n, 1, b""), message) for n, message in enumerate(messages)]
    with transaction() as session:
        return store(session, pieces, telescope(name))


def test_an_observation_is_of_the_telescope_that_was_asked_for_it(set_up, session, bells):
    set_up(telescopes=json.dumps({"beam": BEAM.model_dump()} | json.loads(records("tca"))))
    of_beam, of_tca = (observation_of(asked(name)) for name in ("beam", "tca"))

    found = stored(
        "tca",
        piece("tca-1", 1, observation_id=of_tca),
        piece("tca-2", 2, observation_id=of_beam),
        piece("tca-3", 3, observation_id="tca-flat"),
    )

    assert set(rows()) == {"tca-1", "tca-3"}
    [conflict] = found.conflicts
    assert (conflict.packet.offset, conflict.reason) == (1, "conflict")
    assert conflict.why == f"observation_id = {of_beam!r}: beam was asked for it, not tca"
    assert (found.rows, found.duplicates) == (2, 0)
    assert [
        each.packet.offset for each in stored("beam", piece("1", observation_id=of_tca)).conflicts
    ] == [0]
    assert stored("beam", piece("2", observation_id=of_beam)).conflicts == []


@pytest.mark.xdist_group("kafka")
@pytest.mark.slow
def test_beam_and_its_neighbour_write_nothing_for_each_other(neighbours, bells):
    beam, other = neighbours
    name = other.telescope.name
    of_beam = observation_of(asked("beam"))

    first = beam.work(
        *beam.send(
            piece(f"{name}-1"), piece("1"), piece(f"{of_beam}-000001", observation_id=of_beam)
        )
    )
    second = other.work(
        *other.send(piece(f"{name}-1", payload=b"mine"), piece(f"{name}-2", observation_id=of_beam))
    )

    assert (first["stored_count"], first["dead_count"]) == (2, 1)
    assert (second["stored_count"], second["dead_count"]) == (1, 1)
    assert {key: row.data for key, row in rows().items()} == {
        "1": b"spectrum", f"{of_beam}-000001": b"spectrum", f"{name}-1": b"mine",
    }  # fmt: skip
    found = [(each.topic, each.reason) for each in letters()]
    assert found == [(beam.telescope.data, "bad_value"), (other.telescope.data, "conflict")]
