"""Everything that one home can run, made from its profile and the settings."""

from dataclasses import dataclass

from broker.config import Config
from compose.native import cluster, ours, profile, prometheus, standins
from compose.native.connect import Connect
from compose.native.home import Home
from compose.native.kafka import Kafka
from compose.native.ours import Process
from compose.native.part import Server
from compose.native.passwords import passwords
from compose.native.postgres import Postgres
from compose.native.redis import Redis
from compose.native.registry import Registry


@dataclass(frozen=True)
class Parts:
    """Everything that one home can run.

    Attributes
    ----------
    servers : tuple of Server
        The real parts.
    processes : tuple of Process
        Ours.
    """

    servers: tuple[Server, ...]
    processes: tuple[Process, ...]

    @classmethod
    def of(cls, home: Home, chosen: profile.Profile, settings: Config) -> "Parts":
        """Return the parts on the chosen ports."""
        known, at = passwords(home), chosen.ports
        kafka = settings.kafka
        postgres = Postgres(
            *(home, at.postgres, known["POSTGRES_PASSWORD"], settings.native.postgres_bin),
            throwaway=chosen.is_throwaway,
        )
        broker = Kafka(
            *(home, at.kafka, at.kafka_controller, at.scram),
            *(kafka.public_host, kafka.message_max_bytes, known),
            throwaway=chosen.is_throwaway,
            plain_port=at.lasair if chosen.is_lasair else None,
        )
        registry = Registry(home, at.registry, at.registry_management, postgres)
        brokers = cluster.brokers(broker, at) if chosen.is_cluster else (broker,)
        servers: tuple[Server, ...] = (
            postgres,
            Redis(home, at.redis, known["REDIS_PASSWORD"]),
            *brokers,
            *((cluster.replica(postgres, at),) if chosen.is_cluster else ()),
            registry,
            Connect(home, at.connect, broker, registry, postgres),
        )
        web = settings.web.model_copy(update={"port": at.web})
        aside = standins.processes(settings, at) if chosen.is_demo else ()
        update = {"web": web, **prometheus.replaced(settings, chosen)}
        update |= standins.replaced(settings, chosen) if chosen.is_demo else {}
        served = settings.model_copy(update=update)
        mine = ours.processes(served)
        if chosen.is_cluster:
            mine = cluster.workers(home, served, at)
        if chosen.is_demo:
            mine = tuple(standins.with_login(each, settings) for each in mine)
        players = standins.players(settings, home) if chosen.is_telescope else ()
        watching = prometheus.servers(home, at, mine, settings)
        return cls((*servers, *watching), (*aside, *mine, *players))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parts."""
        return (*(s.name for s in self.servers), *(p.name for p in self.processes))
