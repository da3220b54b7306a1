"""``up cluster``: what larger sites spread over machines, on one: brokers, workers, a replica.

Two more brokers join the first one; a replica follows Postgres; a second group of workers has
another host's name and an archive of its own, and the stand-in for S3 is what both share.
"""

import itertools
from dataclasses import replace

from broker.config import Config
from compose.native.home import Home
from compose.native.kafka import NODE, Kafka
from compose.native.ours import METRICS_PORT, PYTHON, Process, metrics_ports, processes
from compose.native.ports import BROKERS, LOOPBACK, Ports
from compose.native.postgres import Postgres
from compose.native.replica import Replica
from compose.native.standins import BUCKET, S3, S3_LOGIN

FURTHER = tuple(f"{NODE}-{node}" for node in range(2, BROKERS + 1))
SECOND = "host-b"
"""The second group's host, and the end of its processes' names."""
GROUP = frozenset({"worker-alerts", "worker-sinks", "worker-upkeep"})
"""What a machine needs that works on alerts: workers, and who copies and closes its files."""


def brokers(first: Kafka, ports: Ports) -> tuple[Kafka, ...]:
    """Return all brokers; the first is the one that there is without a cluster."""
    each = 2 + len(ports.scram)
    further = [ports.cluster[at * each : (at + 1) * each] for at in range(BROKERS - 1)]
    controllers = (first.controller_port, *(numbers[1] for numbers in further))
    return (
        replace(first, controllers=controllers),
        *(
            replace(
                first,
                node=node,
                internal_port=numbers[0],
                controller_port=numbers[1],
                scram_ports=numbers[2:],
                controllers=controllers,
                plain_port=None,
            )
            for node, numbers in enumerate(further, 2)
        ),
    )


def replica(primary: Postgres, ports: Ports) -> Replica:
    """Return the server that follows ``primary``."""
    return Replica(
        primary.home,
        ports.cluster[-1],
        primary.password,
        primary.bin_setting,
        throwaway=primary.throwaway,
        primary_port=primary.port,
    )


def workers(home: Home, settings: Config, ports: Ports) -> tuple[Process, ...]:
    """Return our processes on both hosts, and the S3 that these share."""
    near = [with_login(each) for each in processes(settings)]
    output = settings.output.model_copy(update={"host": SECOND})
    both = settings.model_copy(update={"output": output})
    far = [with_login(each) for each in processes(both) if each.name in GROUP]
    store = Process(S3, (PYTHON, "-m", "compose.native.s3"), port=ports.s3)
    free = itertools.count(max(metrics_ports(near).values(), default=0) + 1)
    return (
        store,
        *near,
        *(
            Process(
                f"{each.name}-{SECOND}",
                tuple(word.replace("@%h", f"-{SECOND}@%h") for word in each.argv),
                {
                    **each.environment,
                    **of_second(home),
                    **({METRICS_PORT: str(next(free))} if METRICS_PORT in each.environment else {}),
                },
            )
            for each in far
        ),
    )


def of_second(home: Home) -> dict[str, str]:
    """Return the settings of the second host, beside those that both have."""
    return {
        "NIGHTJAR_ARCHIVE__HOST": SECOND,
        "NIGHTJAR_ARCHIVE__PATH": str(home.path / f"archive-{SECOND}"),
        "NIGHTJAR_OUTPUT__HOST": SECOND,
    }


def with_login(process: Process) -> Process:
    """Return a process with what it needs to use the stand-in for S3."""
    return replace(process, environment={**process.environment, **S3_LOGIN})


def variables(primary: Postgres, ports: Ports, settings: Config) -> dict[str, str]:
    """Return the settings that several brokers, a replica and a shared S3 want."""
    each = 2 + len(ports.scram)
    inside = (ports.kafka, *(ports.cluster[at * each] for at in range(BROKERS - 1)))
    found = {
        "NIGHTJAR_KAFKA__BOOTSTRAP_SERVERS": ",".join(f"{LOOPBACK}:{port}" for port in inside),
        "NIGHTJAR_KAFKA__REPLICATION": str(BROKERS),
        "NIGHTJAR_KAFKA__MIN_INSYNC_REPLICAS": str(BROKERS // 2 + 1),
        "NIGHTJAR_POSTGRES__REPLICA_URL": replica(primary, ports).url,
    }
    if settings.s3.bucket:
        return found
    return {
        **found,
        "NIGHTJAR_S3__BUCKET": BUCKET,
        "NIGHTJAR_S3__REGION": "us-east-1",
        "NIGHTJAR_S3__ENDPOINT_URL": f"http://{LOOPBACK}:{ports.s3}",
        "NIGHTJAR_S3__EVERY_H": "0.02",
        "NIGHTJAR_S3__PRIVATE": "true",
        "NIGHTJAR_S3__PRIVATE_UNVERIFIED": "true",
    }
