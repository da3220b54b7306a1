"""Read selected alerts with the Confluent client, unmodified; in an environment of its own.

    python deserialize.py REGISTRY_URL

takes messages from the standard input, one a line in base64, lets the client's own deserializer ask
the registry for their schemas, and prints the alert id of each. It imports nothing of ours.
"""

import base64
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def main(url: str) -> None:
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": url}))
    context = SerializationContext("lsst-extendedness-filtered", MessageField.VALUE)
    for line in sys.stdin:
        record = deserialize(base64.b64decode(line), context)
        sys.stdout.write(f"{record['diaSource']['diaSourceId']}\n")


if __name__ == "__main__":
    main(sys.argv[1])
