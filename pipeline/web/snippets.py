"""Code that reads the public streams, with a person's own names in it and never a password.

Each function returns the text of one format for one choice. The tests run what is Python against
Kafka and compare the rest with what its tool reads.
"""

import json
import textwrap
from dataclasses import dataclass
from datetime import date
from typing import Any

from broker.kafka_types import OLDEST_LIBRDKAFKA

ALERTS_IN_NOTEBOOK = 10
PLAINTEXT = "SASL_PLAINTEXT"
"""The published client 0.2.0 speaks no other."""


@dataclass(frozen=True)
class Choice:
    """What somebody wants to read, and as whom.

    Attributes
    ----------
    servers : str
        Public ``host:port``.
    username : str
        Of the credential; empty: nobody is signed in, the code asks the environment.
    group : str
        Consumer group, other than any other account's. Without a username it is only its end.
    topics : tuple of str
        At least one.
    is_everything : bool
        Begin with the oldest message that is kept, not with the next one.
    is_local : bool
        The client's local mode is the one that finds this server.
    since : date or None
        Begin with the messages of this day (UTC), see ``begin``; None: as ``is_everything`` says.
    protocol : str
        Kafka's ``security.protocol`` of the public listeners.
    """

    servers: str
    username: str
    group: str
    topics: tuple[str, ...]
    is_everything: bool
    is_local: bool = False
    since: date | None = None
    protocol: str = PLAINTEXT

    @property
    def offset(self) -> str:
        """Return where a group without offsets begins."""
        return "earliest" if self.is_everything else "latest"

    @property
    def is_for_client(self) -> bool:
        """Return whether the published client accepts the user name and finds the protocol."""
        is_named = not self.username or self.username.startswith("babamul-")
        return is_named and self.protocol == PLAINTEXT


def confluent_kafka(choice: Choice, most: int | None = None) -> str:
    """Return a script for ``confluent-kafka`` that ends after ``most`` alerts, or never."""
    begin, until = ("count = 0\n    ", f"count < {most}") if most else ("", "True")
    count = "\n        count += 1" if most else ""
    return f"""\
# pip install "confluent-kafka>={OLDEST_LIBRDKAFKA}" fastavro
import io
import os

import fastavro
from confluent_kafka import Consumer

{_names(choice)}
consumer = Consumer({{
{_login(choice)}
    # Counts only while this group has read nothing; afterwards it continues where it was.
    "auto.offset.reset": "{choice.offset}",
}})
consumer.subscribe({_listed(choice.topics)})
try:
    {begin}while {until}:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            print(message.error())
            continue
        # One message is one Avro container that holds one alert and its schema.
        alert = next(fastavro.reader(io.BytesIO(message.value())))
        print(message.topic(), alert["objectId"], alert["candid"]){count}
finally:
    consumer.close()
"""


def begin(choice: Choice) -> str:
    """Return a script that puts the group before the first message of a day; it is run once.

    It commits offsets, so every client goes on from there. Kafka refuses it while a consumer of
    the group runs.
    """
    return f"""\
# pip install "confluent-kafka>={OLDEST_LIBRDKAFKA}"
import os
from datetime import datetime

from confluent_kafka import Consumer, TopicPartition

{_names(choice)}
consumer = Consumer({{
{_login(choice)}
}})
begin_ms = int(datetime.fromisoformat("{choice.since}T00:00:00+00:00").timestamp() * 1000)
places = [
    TopicPartition(topic, partition, begin_ms)
    for topic in {_listed(choice.topics, "    ")}
    for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions
]
found = consumer.offsets_for_times(places, timeout=10)
for place in found:
    if place.offset < 0:  # nothing has come since that day
        place.offset = consumer.get_watermark_offsets(place, timeout=10)[1]
    print(place.topic, place.partition, "begins at", place.offset)
consumer.commit(offsets=found, asynchronous=False)
consumer.close()
"""


def babamul(choice: Choice, most: int | None = None) -> str:
    """Return a script for the published ``babamul`` client that ends after ``most`` alerts."""
    loop = "for count, alert in enumerate(consumer, start=1):" if most else "for alert in consumer:"
    end = f"\n    if count == {most}:\n        break" if most else ""
    return f"""\
# pip install babamul
import os

{_environment(choice)}from babamul import AlertConsumer

{_names(choice)}
consumer = AlertConsumer(
    topics={_listed(choice.topics, "    ")},
    username=username,
    password=os.environ["BABAMUL_KAFKA_PASSWORD"],
    server="{choice.servers}",
    group_id=group,
    # Counts only while this group has read nothing; afterwards it continues where it was.
    offset="{choice.offset}",{_raw(choice)}
)
{loop}
    {_printed(choice)}{end}
"""


def kcat(choice: Choice) -> str:
    """Return a command line for ``kcat``; the shell puts the password in."""
    username = choice.username or "$BABAMUL_KAFKA_USERNAME"
    group = choice.group if choice.username else f"$BABAMUL_KAFKA_USERNAME-{choice.group}"
    comment = (
        f"# With librdkafka {OLDEST_LIBRDKAFKA} or newer (kcat -V tells); others are refused.\n"
    )
    return comment + " \\\n  ".join(
        [
            f"kcat -b {choice.servers}",
            f"-X security.protocol={choice.protocol} -X sasl.mechanism=SCRAM-SHA-512",
            f'-X "sasl.username={username}"',
            '-X "sasl.password=$BABAMUL_KAFKA_PASSWORD"',
            f"-X auto.offset.reset={choice.offset}",
            r"-f '%t partition %p offset %o: %S bytes\n'",
            f'-G "{group}" {" ".join(choice.topics)}',
        ]
    )


def client_properties(choice: Choice) -> str:
    """Return settings for Java's clients, Kafka's console consumer and most Kafka browsers."""
    username = choice.username or "BABAMUL_KAFKA_USERNAME"
    group = choice.group if choice.username else f"BABAMUL_KAFKA_USERNAME-{choice.group}"
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    return textwrap.dedent(
        f"""\
        # Put your password where BABAMUL_KAFKA_PASSWORD stands. Then, for example:
        # kafka-console-consumer.sh --bootstrap-server {choice.servers} \\
        #   --consumer.config client.properties --topic {choice.topics[0]}
        bootstrap.servers={choice.servers}
        security.protocol={choice.protocol}
        sasl.mechanism=SCRAM-SHA-512
        sasl.jaas.config={login} username="{username}" password="BABAMUL_KAFKA_PASSWORD";
        group.id={group}
        auto.offset.reset={choice.offset}
        key.deserializer=org.apache.kafka.common.serialization.StringDeserializer
        value.deserializer=org.apache.kafka.common.serialization.ByteArrayDeserializer
        """
    )


def dotenv(choice: Choice) -> str:
    """Return a ``.env`` file whose password is still to be filled in."""
    lines = [
        *(["BABAMUL_ENV=local"] if choice.is_local else []),
        f"BABAMUL_KAFKA_SERVER={choice.servers}",
        f"BABAMUL_KAFKA_USERNAME={choice.username}",
        "BABAMUL_KAFKA_PASSWORD=",
    ]
    return "\n".join(lines) + "\n"


def notebook(choice: Choice) -> str:
    """Return a Jupyter notebook (nbformat 4.5) that reads a few alerts and shows them."""
    intro = (
        "# Alerts from Nightjar\n"
        f"Reads {ALERTS_IN_NOTEBOOK} alerts of {', '.join(choice.topics)} as consumer group "
        f"`{choice.group}`. The password is asked for and kept nowhere."
    )
    packages = "babamul" if choice.is_for_client else "confluent-kafka fastavro"
    read = babamul if choice.is_for_client else confluent_kafka
    cells = [
        _cell("markdown", "about", intro),
        _cell("code", "install", f"%pip install -q {packages}"),
        _cell(
            "code",
            "login",
            "import getpass\nimport os\n\n"
            'if "BABAMUL_KAFKA_PASSWORD" not in os.environ:\n'
            '    os.environ["BABAMUL_KAFKA_PASSWORD"] = getpass.getpass("Kafka password: ")',
        ),
        *([_cell("code", "begin", begin(choice))] if choice.since else []),
        _cell("code", "read", read(choice, ALERTS_IN_NOTEBOOK)),
    ]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    book = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1)


def _names(choice: Choice) -> str:
    if choice.username:
        return f'username = "{choice.username}"\ngroup = "{choice.group}"  # tell it to nobody\n'
    return (
        'username = os.environ["BABAMUL_KAFKA_USERNAME"]\n'
        f'group = f"{{username}}-{choice.group}"  # tell it to nobody\n'
    )


def _login(choice: Choice) -> str:
    """Return the settings by which every ``confluent_kafka`` client comes in."""
    return f"""\
    "bootstrap.servers": "{choice.servers}",
    "security.protocol": "{choice.protocol}",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": username,
    "sasl.password": os.environ["BABAMUL_KAFKA_PASSWORD"],
    "group.id": group,"""


def _environment(choice: Choice) -> str:
    """Return what the client reads while it is imported, where that is not its default."""
    return 'os.environ.setdefault("BABAMUL_ENV", "local")\n\n' if choice.is_local else ""


def _is_modelled(choice: Choice) -> bool:
    """Return whether the client has a model for every topic; it skips the others."""
    return all(topic.startswith(("babamul.ztf", "babamul.lsst")) for topic in choice.topics)


def _raw(choice: Choice) -> str:
    if _is_modelled(choice):
        return ""
    return "\n    as_raw=True,  # the client skips such topics otherwise"


def _printed(choice: Choice) -> str:
    if _is_modelled(choice):
        return "print(alert.topic, alert.objectId, alert.candid)"
    return 'print(alert["objectId"], alert["candid"])'


def _cell(kind: str, name: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell | {"source": source.splitlines(keepends=True)}


def _listed(topics: tuple[str, ...], indent: str = "") -> str:
    if len(topics) == 1:
        return f'["{topics[0]}"]'
    return "[\n" + "".join(f'{indent}    "{topic}",\n' for topic in topics) + f"{indent}]"
