"""Spoils a run that balances, on its real servers, to see that its books say so."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer

from broker import dead_letters
from broker.db import transaction
from broker.dead_letters import Letter
from broker.kafka_connection import own_connection
from tests.bench.servers import INPUT, System

ORIGIN = "SELECT id FROM sources WHERE topic = ANY(%s) ORDER BY id LIMIT 1"
DELIVERED_S = 30


def drop_packet(system: System) -> None:
    """Lose one alert, as if its range had been counted done without it."""
    rows = system.sql(
        "SELECT id FROM alerts WHERE outputs <> 0 AND source_id = (" + ORIGIN + ") LIMIT 1",
        list(INPUT.values()),
    )
    system.sql("DELETE FROM alerts WHERE id = %s", rows[0][0])


def repeat_message(system: System, message: Any) -> None:
    """Publish one message once more."""
    producer = Producer(own_connection("admin"))
    producer.produce(
        message.topic(), message.value(), message.key(), headers=list(message.headers())
    )
    assert producer.flush(DELIVERED_S) == 0


def bury_packet(system: System) -> None:
    """Let one packet lie among the dead letters."""
    source = system.sql(ORIGIN, list(INPUT.values()))[0][0]
    letter = Letter(
        partition=0, offset=0, last_offset=0, reason="unexpected", message="put here by the bench"
    )
    with transaction() as session:
        dead_letters.bury(session, "ztf", INPUT["ztf"], source, [letter])


def seen(
    system: System, first_message: Any, problems: Callable[[], list[str]]
) -> dict[str, list[str]]:
    """Spoil the run one way after the other; return what the books say more after each."""
    found = {}
    known = set(problems())
    for name, spoil in (
        ("one dead letter", lambda: bury_packet(system)),
        ("one duplicate message", lambda: repeat_message(system, first_message)),
        ("one dropped packet", lambda: drop_packet(system)),
    ):
        spoil()
        said = problems()
        found[name] = [text for text in said if text not in known]
        known |= set(said)
    return found
