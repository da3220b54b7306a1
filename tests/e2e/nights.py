"""A simulated night as the input of a system under test."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from broker.kafka_types import Message
from pipeline.simulate import SimulatedPacket, Sky
from pipeline.simulate.demo import write_catalogs
from tests.e2e.system import System


def load_catalogs(system: System, sky: Sky, folder: Path) -> None:
    """Load the catalogs that agree with the night."""
    catalogs = {name: [columns] for name, columns in sky.catalogs().items()}
    for name, file in write_catalogs(catalogs, folder).items():
        system.manage("load_catalog", name, str(file))


def messages(packets: list[SimulatedPacket], make_input: Callable[..., str]) -> list[Message]:
    """Return the packets as messages of the system's own input topics, which are made here."""
    make_once = cache(make_input)
    return [
        Message(_own_topic(packet.topic, make_once), packet.key, packet.value, [])
        for packet in packets
    ]


def _own_topic(topic: str, make_input: Callable[..., str]) -> str:
    if not topic.startswith("ztf"):
        return make_input("lsst")
    _, night, program = topic.split("_")
    return make_input("ztf", night, int(program.removeprefix("programid")))
