"""How the parts of a home were started; remembered until ``down``."""

import json
from dataclasses import asdict, dataclass, replace

from broker.config import Config
from compose.native.home import Home
from compose.native.ports import Ports, drawn, of_cluster, settled


@dataclass(frozen=True)
class Profile:
    """What an ``up`` decided for all that follow.

    Attributes
    ----------
    ports : Ports
        Of every part.
    is_free : bool
        The ports were drawn, not taken from the settings.
    is_throwaway : bool
        The data may be lost: for tests.
    is_demo : bool
        The demo's stand-ins run too.
    is_lasair : bool
        Kafka also listens without a login, for clients of Lasair.
    is_registry : bool
        The schema registry was named; the demo's selected alerts carry its ids.
    is_telescope : bool
        The demo has telescopes.
    is_cluster : bool
        Several brokers, a replica of Postgres, workers of two hosts.
    """

    ports: Ports
    is_free: bool
    is_throwaway: bool
    is_demo: bool = False
    is_lasair: bool = False
    is_registry: bool = False
    is_telescope: bool = False
    is_cluster: bool = False


def choose(
    settings: Config,
    *,
    is_free: bool,
    is_throwaway: bool,
    is_demo: bool = False,
    is_lasair: bool = False,
    is_registry: bool = False,
    is_telescope: bool = False,
    is_cluster: bool = False,
) -> Profile:
    """Decide for parts of which none runs."""
    scram_count = len(settings.kafka.scram_ports)
    ports = drawn(scram_count) if is_free else settled(settings)
    if is_cluster:
        ports = replace(ports, cluster=of_cluster(scram_count))
    return Profile(
        ports,
        is_free,
        is_throwaway,
        is_demo=is_demo,
        is_lasair=is_lasair,
        is_registry=is_registry,
        is_telescope=is_telescope,
        is_cluster=is_cluster,
    )


def save(home: Home, profile: Profile) -> None:
    """Remember a decision."""
    (home.run / "profile.json").write_text(json.dumps(asdict(profile)))


def remembered(home: Home) -> Profile | None:
    """Return the decision of the last ``up`` that no ``down`` followed."""
    path = home.run / "profile.json"
    if not path.exists():
        return None
    values = json.loads(path.read_text())  # of a version before, it has not every field
    ports = {**values["ports"], "scram": tuple(values["ports"]["scram"])}
    ports["cluster"] = tuple(ports.get("cluster", ()))
    return Profile(**values | {"ports": Ports(**ports)})


def forget(home: Home) -> None:
    """Let the next ``up`` decide anew."""
    (home.run / "profile.json").unlink(missing_ok=True)
