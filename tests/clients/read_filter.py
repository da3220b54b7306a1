"""Read a filter's topic with Lasair's client, unmodified; runs in the clients' own environment.

    python read_filter.py HOST GROUP TOPIC COUNT

prints the objects of ``COUNT`` messages as JSON, one a line. It imports nothing of ours.
"""

import json
import sys

import lasair

SILENCE_S = 60


def main(host: str, group: str, topic: str, count: int) -> None:
    consumer = lasair.lasair_consumer(host, group, topic)
    for _ in range(count):
        message = consumer.poll(timeout=SILENCE_S)
        if message is None:
            sys.exit("no message came")
        if message.error():
            sys.exit(str(message.error()))
        sys.stdout.write(json.dumps(json.loads(message.value())) + "\n")
    consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]))
