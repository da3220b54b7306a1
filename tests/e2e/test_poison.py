"""Poison on the real parts: every good packet of its range is published, each bad one is buried."""

from collections.abc import Callable

import pytest

from broker.kafka_types import Message
from tests import hostile
from tests.e2e import system as systems
from tests.e2e.system import System

pytestmark = [pytest.mark.slow]

FAR = [(10.0, -85.0, 0.9, 18.0)]
SURVEYS = ("ztf", "lsst")


def good(survey: str, number: int) -> bytes:
    place = {"ra": 150.0 + 0.1 * number, "dec": 20.0 if survey == "ztf" else 25.0}
    if survey == "ztf":
        name = f"ZTF26poi{number:04d}".translate(str.maketrans("0123456789", "abcdefghij"))
        return hostile.good(
            "ztf", object_id=name, candid=3_200_000_000_000_000_000 + number, **place
        )
    return hostile.good("lsst", diaSourceId=(1 << 58) + number, diaObjectId=7000 + number, **place)


def mixed(survey: str, topic: str) -> list[Message]:
    """Return poison of every kind that fits Kafka, each between two good packets."""
    values = [good(survey, 0)]
    for number, poison in enumerate(hostile.poisons(survey).values(), start=1):
        values += [poison.value, good(survey, number)]
    return [Message(topic, None, value, []) for value in values]


def test_poison_is_buried_and_the_good_packets_of_its_ranges_are_published(
    system: System, make_input: Callable[..., str], load_lspsc: Callable[..., None]
) -> None:
    load_lspsc(FAR)
    topics = {survey: make_input(survey, partitions=1) for survey in SURVEYS}
    sent = sum(system.send(mixed(survey, topics[survey])) for survey in SURVEYS)
    system.start_worker()
    system.start_listeners(*SURVEYS)

    books = system.wait_until_accounted(sent)

    for survey in SURVEYS:
        wrong = [poison.reasons for poison in hostile.poisons(survey).values()]
        buried = system.sql(
            "SELECT source_offset, reason FROM dead_letters WHERE stream = %s ORDER BY 1", survey
        )
        assert [offset for offset, _ in buried] == list(range(1, 2 * len(wrong), 2))
        assert [
            (offset, reason)
            for (offset, reason), reasons in zip(buried, wrong, strict=True)
            if reason not in reasons
        ] == []
    n_poisons = sum(len(hostile.poisons(survey)) for survey in SURVEYS)
    assert sum(systems.totals(books, "published").values()) == sent - n_poisons
