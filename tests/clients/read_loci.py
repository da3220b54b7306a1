"""Read loci with ANTARES's own client; runs in the client's own environment.

    python read_loci.py SERVERS PROTOCOL USER PASSWORD GROUP TOPIC COUNT

prints id, position and LSST's objects of ``COUNT`` loci as JSON, one a line, and the alerts that
the REST interface has of each. The client takes the protocol from a class attribute alone. It
imports nothing of ours.
"""

import json
import sys

from antares_client import StreamingClient, search

SILENCE_S = 60


class Streaming(StreamingClient):
    """The client, on a broker without TLS."""


def main(place: list[str], login: list[str], group: str, topic: str, count: int) -> None:
    servers, protocol = place
    Streaming._DEFAULT_OPTIONS = {"security.protocol": protocol, "sasl.mechanisms": "PLAIN"}
    with Streaming([topic], *login, group=group, bootstrap_server=servers) as client:
        for _ in range(count):
            _, locus = client.poll(timeout=SILENCE_S)
            if locus is None:
                sys.exit("no message came")
            alerts = [alert.alert_id for alert in search.get_locus_alerts(locus.locus_id)]
            said = [locus.locus_id, locus.ra, locus.properties["survey"]["lsst"], alerts]
            sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:3], sys.argv[3:5], *sys.argv[5:7], int(sys.argv[7]))
