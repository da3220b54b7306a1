"""Read selected alerts with the Confluent client alone, as anybody may; it imports nothing of ours.

    python -P deserialize.py REGISTRY_URL

takes messages from the standard input, one a line in base64, lets the client's own deserializer ask
the registry for their schemas, and prints the alert id of each.
"""

import base64
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def main(url: str) -> None:
    """Deserialize what comes; the client's own error ends the program."""
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": url}))
    context = SerializationContext("lsst-extendedness-filtered", MessageField.VALUE)
    for line in sys.stdin:
        record = deserialize(base64.b64decode(line), context)
        print(record["diaSource"]["diaSourceId"])


if __name__ == "__main__":
    main(sys.argv[1])
