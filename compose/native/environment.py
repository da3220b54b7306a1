"""What the project reads about its parts: ``native.env``."""

from collections.abc import Mapping

from broker.config import Config
from broker.sections.parts import KafkaSettings
from compose.native import cluster, selected, standins
from compose.native.home import ROOT, Home, write_private
from compose.native.ports import LOOPBACK
from compose.native.postgres import Postgres
from compose.native.profile import Profile
from compose.native.redis import Redis
from compose.native.registry import CONFLUENT_PATH

BABAMUL_PARTITIONS = 3
"""Of each public topic: enough to see partitions at work, few enough for one small broker."""


def variables(
    home: Home, profile: Profile, passwords: Mapping[str, str], settings: Config
) -> dict[str, str]:
    """Return the settings that follow from the parts of ``home``; none that a person chose."""
    ports = profile.ports
    found = {
        "NIGHTJAR_POSTGRES__URL": Postgres(
            home, ports.postgres, passwords["POSTGRES_PASSWORD"]
        ).url,
        "NIGHTJAR_REDIS__URL": Redis(home, ports.redis, passwords["REDIS_PASSWORD"]).url,
        "NIGHTJAR_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.kafka}",
        "NIGHTJAR_KAFKA__PASSWORD": passwords["KAFKA_PIPELINE_PASSWORD"],
        "NIGHTJAR_KAFKA__ADMIN_PASSWORD": passwords["KAFKA_ADMIN_PASSWORD"],
        "NIGHTJAR_KAFKA__FEED_PASSWORD": passwords["KAFKA_FEED_PASSWORD"],
        "NIGHTJAR_KAFKA__SCRAM_PORTS": ",".join(str(port) for port in ports.scram),
        "NIGHTJAR_WEB__SECRET_KEY": passwords["WEB_SECRET_KEY"],
    }
    if selected.is_own_registry(settings):
        found["NIGHTJAR_REGISTRY__URL"] = f"http://{LOOPBACK}:{ports.registry}{CONFLUENT_PATH}"
    if settings.kafka.babamul_partitions == KafkaSettings().babamul_partitions:
        found["NIGHTJAR_KAFKA__BABAMUL_PARTITIONS"] = str(BABAMUL_PARTITIONS)
    if home.path != ROOT / ".nightjar":  # two homes must not write into one archive
        found["NIGHTJAR_ARCHIVE__PATH"] = str(home.path / "archive")
    if profile.is_free:
        found["NIGHTJAR_WEB__PORT"] = str(ports.web)
        found["NIGHTJAR_WEB__PUBLIC_URL"] = f"http://localhost:{ports.web}"
    if profile.is_lasair:
        found["NIGHTJAR_KAFKA__LASAIR_PORT"] = str(ports.lasair)
    if profile.is_demo:
        found["NIGHTJAR_SELECTED__WIRE"] = selected.wire(profile, settings)
        found |= standins.variables(settings, ports, passwords)
    if profile.is_cluster:
        primary = Postgres(home, ports.postgres, passwords["POSTGRES_PASSWORD"])
        found |= cluster.variables(primary, ports, settings)
    if profile.is_telescope:
        found |= standins.of_telescopes(settings)
    return found


def write(home: Home, values: Mapping[str, str]) -> None:
    """Write ``native.env``; broker/config.py reads it by itself."""
    write_private(
        home.path / "native.env",
        "# Written by compose/native; .env and the environment are stronger.\n"
        + "".join(f"{name}={text}\n" for name, text in values.items()),
    )
