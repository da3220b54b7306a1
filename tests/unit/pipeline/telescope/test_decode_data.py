"""Whose data may be stored, by their ids: no telescope takes the ids of another."""

import json

import pytest
from nightjar_telescope import TelescopeData

from broker.config import Config
from broker.kafka_types import Packet
from broker.sections.telescope import BEAM
from pipeline.telescope.decode_data import decode
from pipeline.telescope.record import telescopes

SETTINGS = Config(
    telescopes={
        "beam": BEAM,
        "tca": BEAM.model_copy(update={"topic_prefix": ""}),
        "tcb": BEAM.model_copy(update={"topic_prefix": "telescope.reunion."}),
    }
)
ALL = {each.name: each for each in telescopes(SETTINGS)}


class Said:
    """A codec of messages in JSON."""

    def decode(self, message, value):
        return message(**json.loads(value)), []


def judged(name, data_id, observation_id="beam-1"):
    """Return why a message of a telescope is refused; None: it is not."""
    said = {"data_id": data_id, "observation_id": observation_id}
    value = json.dumps(said | {"sequence_number": 1, "timestamp": 1}).encode()
    pieces, refused = decode([Packet(7, 1, value)], ALL[name], Said(), ALL.values())
    if pieces:
        assert (refused, type(pieces[0].row)) == ([], TelescopeData)
        return None
    assert refused[0].reason == "bad_value"
    return refused[0].why


@pytest.mark.parametrize("data_id", ["beam-1", "1", "tc-1", "tca", "tcax-1", "TCA-1", "x-tca-1"])
def test_beam_may_give_any_id_that_is_no_other_telescopes(data_id):
    assert judged("beam", data_id) is None


@pytest.mark.parametrize(("data_id", "owner"), [("tca-1", "tca"), ("tcb-", "tcb")])
def test_beam_may_not_take_the_ids_of_another(data_id, owner):
    assert judged("beam", data_id) == f"data_id = {data_id!r}: {owner}- begins those of {owner}"


@pytest.mark.parametrize("data_id", ["beam-1", "1", "tcb-1", "tca"])
def test_another_may_only_give_ids_of_its_own(data_id):
    assert "those of tca begin with tca-" in judged("tca", data_id)
    assert judged("tca", f"tca-{data_id}") is None
