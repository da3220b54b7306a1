"""Settings of what everything stands on: servers, archive, native parts, logs, fault tests."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from broker.sections import Port, Section


class PostgresSettings(Section):
    """The one database; Django and SQLAlchemy both read it."""

    url: Annotated[
        SecretStr, Field(description="postgresql://user:password@host:port/database")
    ] = SecretStr("postgresql://nightjar@127.0.0.1:15432/nightjar")
    replica_url: Annotated[
        SecretStr,
        Field(description="of a streaming replica that pages and REST may read; empty: none"),
    ] = SecretStr("")
    replica_lag_s: Annotated[
        float, Field(gt=1, le=600, description="further behind, the primary is read instead [s]")
    ] = 10
    connect_timeout_s: Annotated[int, Field(gt=0, le=60, description="time to connect [s]")] = 5
    worker_statement_timeout_s: Annotated[
        int, Field(gt=0, le=40, description="longest statement of an alert worker [s]")
    ] = 10
    statement_timeout_s: Annotated[
        int, Field(gt=0, description="longest statement of any other process [s]")
    ] = 60


class RedisSettings(Section):
    """The doorbell between listeners and workers; it holds no truth."""

    url: Annotated[SecretStr, Field(description="redis://:password@host:port/database")] = (
        SecretStr("redis://127.0.0.1:16379/0")
    )


class KafkaSettings(Section):
    """Our own broker: addresses, principals, sizes."""

    bootstrap_servers: Annotated[
        str,
        Field(
            description="inside listeners, host:port with commas in between; several brokers of "
            "one cluster, never published to the world"
        ),
    ] = "127.0.0.1:29092"
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"], Field(description="of the inside")
    ] = "SASL_PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-512"], Field(description="of the inside listener")
    ] = "PLAIN"
    username: Annotated[str, Field(description="principal of listeners, workers and web")] = (
        "pipeline"
    )
    password: Annotated[SecretStr, Field(description="its password")] = SecretStr("")
    admin_username: Annotated[str, Field(description="principal that makes topics and ACLs")] = (
        "admin"
    )
    admin_password: Annotated[SecretStr, Field(description="its password")] = SecretStr("")
    feed_username: Annotated[str, Field(description="principal of the simulator and the bench")] = (
        "feed"
    )
    feed_password: Annotated[SecretStr, Field(description="its password")] = SecretStr("")
    public_host: Annotated[str, Field(description="host that consumers are told to use")] = (
        "localhost"
    )
    scram_ports: Annotated[
        tuple[Port, ...], Field(min_length=1, description="public SCRAM listeners; the first leads")
    ] = (9093, 9092)
    babamul_partitions: Annotated[
        int, Field(gt=0, le=1000, description="partitions of each public topic")
    ] = 15
    input_partitions: Annotated[
        int, Field(gt=0, le=1000, description="partitions of input topics that we make ourselves")
    ] = 4
    replication: Annotated[
        int, Field(gt=0, le=10, description="copies of each partition, of topics not made yet")
    ] = 1
    min_insync_replicas: Annotated[
        int,
        Field(
            gt=0,
            le=10,
            description="copies that must have a message before it is acknowledged; of three "
            "copies 2, so that one broker may be lost",
        ),
    ] = 1
    message_max_bytes: Annotated[
        int, Field(ge=1_048_576, description="largest message produced [bytes]")
    ] = 8_388_608
    public_protocol: Annotated[
        Literal["SASL_PLAINTEXT", "SASL_SSL"],
        Field(description="of the public listeners; SASL_SSL needs a broker with a certificate"),
    ] = "SASL_PLAINTEXT"
    lasair_port: Annotated[
        int,
        Field(ge=0, le=65535, description="where lasair_ topics are read without a login; 0: no"),
    ] = 0
    email_group_prefix: Annotated[
        str, Field(description="consumer groups that an e-mail principal may use")
    ] = "babamul-"

    @model_validator(mode="after")
    def _check_copies(self) -> Self:
        if self.min_insync_replicas > self.replication:
            raise ValueError(
                f"kafka.min_insync_replicas = {self.min_insync_replicas} of "
                f"kafka.replication = {self.replication}: no message could ever be acknowledged"
            )
        return self

    @property
    def public_servers(self) -> str:
        """Return host and port that a consumer puts into ``bootstrap.servers``."""
        return f"{self.public_host}:{self.scram_ports[0]}"


class RegistrySettings(Section):
    """The schema registry that gives ids to the schemas of what we write in Confluent framing."""

    url: Annotated[str, Field(description="of its Confluent interface", pattern="^https?://")] = (
        "http://localhost:8081/apis/ccompat/v7"
    )
    timeout_s: Annotated[
        float, Field(gt=0, le=10, description="to connect, and between two pieces of a reply [s]")
    ] = 2


class ArchiveSettings(Section):
    """Where raw packets are kept."""

    path: Annotated[str, Field(description="folder; relative to the project")] = ".nightjar/archive"
    host: Annotated[
        str,
        Field(
            description="whose segments are written here, else unlike any other; empty: the "
            "machine's own name",
            pattern=r"^[A-Za-z0-9._-]{0,64}$",
        ),
    ] = ""
    segment_bytes: Annotated[
        int, Field(gt=0, description="a segment is closed above this size")
    ] = 1_073_741_824


class BackupSettings(Section):
    """Copies of the database, with what a restore needs to know."""

    path: Annotated[
        str, Field(description="folder, on another disk than Postgres; relative to the project")
    ] = ".nightjar/backups"
    keep: Annotated[
        int, Field(ge=0, description="whole ones kept there, older ones go; 0: all")
    ] = 14
    postgres_programs: Annotated[
        str, Field(description="folder of pg_dump and pg_restore; empty: they are looked for")
    ] = ""


class CompiledSettings(Section):
    """The functions that Numba compiles for the workers; without them alerts take longer."""

    enabled: Annotated[bool, Field(description="false: plain Python for all of them")] = True
    cache_dir: Annotated[
        str,
        Field(description="folder of compiled functions, writable; relative to the project"),
    ] = ".nightjar/compiled"


class AlertsSettings(Section):
    """The table of alerts."""

    partition_days: Annotated[
        int, Field(gt=0, le=366, description="nights that a partition holds; new ones only [d]")
    ] = 30


class NativeSettings(Section):
    """The parts that ``compose/native`` starts: ports on loopback and where programs are."""

    postgres_port: Annotated[Port, Field(description="of the native PostgreSQL")] = 15432
    redis_port: Annotated[Port, Field(description="of the native Redis")] = 16379
    kafka_port: Annotated[Port, Field(description="inside listener of the native Kafka")] = 29092
    kafka_controller_port: Annotated[Port, Field(description="its controller's listener")] = 29093
    slack_port: Annotated[Port, Field(description="of the demo's Slack stand-in")] = 18090
    webdav_port: Annotated[Port, Field(description="of the demo's WebDAV server")] = 18091
    alerce_port: Annotated[Port, Field(description="of the demo's stand-in for ALeRCE")] = 18092
    s3_port: Annotated[Port, Field(description="of the demo's S3")] = 18093
    lasair_port: Annotated[
        Port, Field(description="of Kafka's listener without a login, with up --lasair")
    ] = 19092
    registry_port: Annotated[Port, Field(description="of the native schema registry")] = 8081
    registry_management_port: Annotated[Port, Field(description="its own, for nobody")] = 8079
    connect_port: Annotated[Port, Field(description="of the native Kafka Connect")] = 8083
    metrics_port: Annotated[
        int,
        Field(
            ge=0,
            le=65000,
            description="first port of our processes' metrics, one after the other; 0: none",
        ),
    ] = 19400
    prometheus_port: Annotated[Port, Field(description="of the native Prometheus")] = 19090
    alertmanager_port: Annotated[Port, Field(description="of the native Alertmanager")] = 19093
    alarms_url: Annotated[
        str, Field(description="web hook that the native Alertmanager tells of alarms; empty: none")
    ] = ""
    postgres_bin: Annotated[
        str, Field(description="folder with initdb and postgres; empty: the wheel, then the system")
    ] = ""


class LogsSettings(Section):
    """What processes write about themselves."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="lowest level written")
    ] = "info"
    format: Annotated[Literal["json", "console"], Field(description="json for machines")] = "json"


class TestingSettings(Section):
    """Switches for fault tests; empty in production."""

    failpoint: Annotated[
        str, Field(description="name[:n]: kill this process at its n-th pass of that point")
    ] = ""
    poison: Annotated[
        str,
        Field(
            description="way:candid,…: packets that kill, hang or stick (hang in C) their worker"
        ),
    ] = ""
    soft_limit_s: Annotated[
        int, Field(ge=0, description="of tasks that work on ranges; 0: that of their queue [s]")
    ] = 0
    hard_limit_s: Annotated[
        int, Field(ge=0, description="of tasks that work on ranges; 0: that of their queue [s]")
    ] = 0
    samples: Annotated[str, Field(description="folder of real sample packets for the tests")] = (
        "../shared/data"
    )
