"""Consume with the published client, unmodified; runs in the client's own environment.

    python consume.py COUNT TOPIC...

reads ``COUNT`` alerts from the beginning of the topics (names, or one regular expression) and
prints as JSON, one object a line, what the client's models made of each; only those whose candids
come on the standard input, where any come, as others publish meanwhile. Login and server come from
the client's own variables. It imports nothing of ours. An alert that its model refuses ends the
client's iterator, and this program, with the model's error.
"""

import json
import sys

from babamul import AlertConsumer

SILENCE_S = 60.0
"""Without a message for so long, the client ends by itself."""


def main(count: int, topics: list[str]) -> None:
    wanted = topics if len(topics) > 1 else topics[0]
    own = {int(candid) for candid in sys.stdin.read().split()}
    with AlertConsumer(topics=wanted, offset="earliest", timeout=SILENCE_S) as consumer:
        chosen = (alert for alert in consumer if not own or alert.candid in own)
        for number, alert in enumerate(chosen, start=1):
            seen = {
                "model": type(alert).__name__,
                "topic": alert.topic,
                "candid": alert.candid,
                "object_id": alert.objectId,
                "detections": len(alert.prv_candidates),
                "points": len(alert.get_photometry(deduplicated=False)),
                "jd": alert.candidate.jd,
            }
            sys.stdout.write(json.dumps(seen) + "\n")
            if number == count:
                return


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
