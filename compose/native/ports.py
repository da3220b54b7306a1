"""Which port each part listens on, and who holds one that is taken."""

import socket
from dataclasses import dataclass
from random import SystemRandom

import psutil

from broker.config import Config
from compose.native.home import NativeError

LOOPBACK = "127.0.0.1"
FREE_PORTS = range(20_000, 32_768)
"""Below the ports from which systems draw for outgoing connections, so that none is lost again
between drawing and listening."""

BROKERS = 3
"""Of a cluster."""

SETTINGS = {
    "postgres": "native.postgres_port",
    "redis": "native.redis_port",
    "kafka": "native.kafka_port",
    "kafka_controller": "native.kafka_controller_port",
    "scram": "kafka.scram_ports",
    "web": "web.port",
    "slack": "native.slack_port",
    "webdav": "native.webdav_port",
    "lasair": "native.lasair_port",
    "s3": "native.s3_port",
    "connect": "native.connect_port",
    "registry": "native.registry_port",
    "registry_management": "native.registry_management_port",
    "alerce": "native.alerce_port",
    "prometheus": "native.prometheus_port",
    "alertmanager": "native.alertmanager_port",
}


@dataclass(frozen=True)
class Ports:
    """The ports of one home.

    Attributes
    ----------
    postgres, redis, kafka, kafka_controller, web : int
        ``kafka`` is the inside listener.
    slack, webdav, alerce, s3 : int
        The demo's stand-ins.
    lasair : int
        Kafka's listener without a login, where it was asked for.
    registry, registry_management : int
        The schema registry, where it was asked for.
    connect, prometheus, alertmanager : int
        Where they were asked for.
    scram : tuple of int
        Public listeners of Kafka.
    cluster : tuple of int
        Of further brokers and the replica of Postgres, where they were asked for; always drawn.
    """

    postgres: int
    redis: int
    kafka: int
    kafka_controller: int
    scram: tuple[int, ...]
    web: int
    slack: int = 0  # as remembered by a version without it
    webdav: int = 0
    lasair: int = 0
    registry: int = 0
    registry_management: int = 0
    alerce: int = 0
    s3: int = 0
    connect: int = 0
    prometheus: int = 0
    alertmanager: int = 0
    cluster: tuple[int, ...] = ()


def settled(settings: Config) -> Ports:
    """Return the ports that the settings ask for."""
    native = settings.native
    return Ports(
        native.postgres_port,
        native.redis_port,
        native.kafka_port,
        native.kafka_controller_port,
        settings.kafka.scram_ports,
        settings.web.port,
        native.slack_port,
        native.webdav_port,
        native.lasair_port,
        native.registry_port,
        native.registry_management_port,
        native.alerce_port,
        native.s3_port,
        native.connect_port,
        native.prometheus_port,
        native.alertmanager_port,
    )


def drawn(scram_count: int) -> Ports:
    """Return ports that are free now."""
    found = drawn_free(scram_count + 15)
    scram, others = found[:scram_count], found[scram_count:]
    return Ports(*others[:4], scram, *others[4:])


def of_cluster(scram_count: int) -> tuple[int, ...]:
    """Return ports for what a cluster has beside one of each: brokers, and a replica."""
    return drawn_free((BROKERS - 1) * (2 + scram_count) + 1)


def drawn_free(count: int) -> tuple[int, ...]:
    """Return so many different ports that are free now."""
    found: list[int] = []
    while len(found) < count:
        port = SystemRandom().choice(FREE_PORTS)
        if port not in found and is_free(port):
            found.append(port)
    return tuple(found)


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder(port: int) -> str:
    """Say which process listens on ``port``."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return "a process of somebody else"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return _named(connection.pid)
    return "a process that cannot be seen from here"


def taken(purpose: str, port: int) -> str:
    """Say who holds ``port`` and which setting moves us elsewhere."""
    setting = SETTINGS[purpose]
    variable = "NIGHTJAR_" + setting.upper().replace(".", "__")
    return (
        f"port {port} ({purpose}) is taken by {holder(port)}; stop that process, or choose another"
        f" port with the setting {setting} ({variable}=…)"
    )


def demand_free(purpose: str, port: int) -> None:
    """Raise a NativeError that names port, holder and setting when ``port`` is taken."""
    if not is_free(port):
        raise NativeError(taken(purpose, port))


def _named(pid: int | None) -> str:
    if pid is None:
        return "a process of somebody else"
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.NoSuchProcess:
        return f"pid {pid}"
