"""Every setting once: typed, bounded, described.

Values come, the stronger first, from the environment (``NIGHTJAR_SECTION__FIELD``), ``.env``, what
``compose/native`` wrote about the parts that it started, the secrets file named by
``NIGHTJAR_SECRETS`` and ``nightjar.toml``. The variable names of the systems before us are accepted
as aliases.
"""

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

PREFIX = "NIGHTJAR_"
ROOT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A group of settings; an unknown name in it is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PostgresSettings(Section):
    """The one database; Django and SQLAlchemy both read it."""

    url: Annotated[
        SecretStr, Field(description="postgresql://user:password@host:port/database")
    ] = SecretStr("postgresql://nightjar@127.0.0.1:15432/nightjar")
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
        str, Field(description="inside listener, never published to the world")
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
    replication: Annotated[int, Field(gt=0, le=10, description="copies of each partition")] = 1
    message_max_bytes: Annotated[
        int, Field(ge=1_048_576, description="largest message produced [bytes]")
    ] = 8_388_608
    email_group_prefix: Annotated[
        str, Field(description="consumer groups that an e-mail principal may use")
    ] = "babamul-"

    @property
    def public_servers(self) -> str:
        """Return host and port that a consumer puts into ``bootstrap.servers``."""
        return f"{self.public_host}:{self.scram_ports[0]}"


class StreamSettings(Section):
    """Where one input stream is read, and how fast."""

    topic: Annotated[str, Field(description="topic, or a regular expression beginning with ^")]
    bootstrap_servers: Annotated[
        str, Field(description="empty: our own broker on its inside listener")
    ] = ""
    security_protocol: Annotated[str, Field(description="of a foreign broker")] = "SASL_PLAINTEXT"
    sasl_mechanism: Annotated[str, Field(description="of a foreign broker")] = "SCRAM-SHA-512"
    username: Annotated[str, Field(description="at a foreign broker")] = ""
    password: Annotated[SecretStr, Field(description="at a foreign broker")] = SecretStr("")
    group_prefix: Annotated[
        str, Field(description="begins the group id; Rubin wants the user name in front")
    ] = "nightjar-"
    start: Annotated[
        Literal["earliest", "latest"], Field(description="where a group without offsets begins")
    ] = "earliest"


class StreamsSettings(Section):
    """The input streams by name."""

    ztf: Annotated[StreamSettings, Field(description="ZTF alert packets")] = StreamSettings(
        topic="^ztf_[0-9]{8}_programid[123]$"
    )
    lsst: Annotated[StreamSettings, Field(description="Rubin alert packets")] = StreamSettings(
        topic="lsst-alerts-v11"
    )

    def named(self, stream: str) -> StreamSettings:
        """Return the settings of ``stream``; KeyError names the known ones."""
        if stream not in type(self).model_fields:
            raise KeyError(f"no stream {stream!r}; known: {', '.join(type(self).model_fields)}")
        found: StreamSettings = getattr(self, stream)
        return found


class RangesSettings(Section):
    """The range protocol between listeners and workers."""

    alerts_per_task: Annotated[
        int, Field(gt=0, le=5000, description="largest range; 1 is one task per alert")
    ] = 250
    bytes_per_task: Annotated[
        int, Field(gt=0, description="packets worked on at once in one range [bytes]")
    ] = 33_554_432
    window: Annotated[
        int, Field(ge=0, description="ranges in flight per listener; 0 = 2 per worker process")
    ] = 0
    worker_processes: Annotated[int, Field(gt=0, description="alert worker processes")] = 2
    worker_memory_bytes: Annotated[
        int, Field(ge=2**30, description="address space of a worker process (RLIMIT_AS) [bytes]")
    ] = 4_294_967_296
    poll_interval_ms: Annotated[
        int, Field(ge=5, le=5000, description="how often new offsets are asked for [ms]")
    ] = 50
    lease_s: Annotated[
        int, Field(gt=0, description="a worker's hold on a range; hard limit (60) plus 30 [s]")
    ] = 90
    ring_after_s: Annotated[
        int, Field(gt=0, description="a queued range is rung again after this time [s]")
    ] = 30
    session_timeout_ms: Annotated[
        int, Field(ge=6000, description="a dead listener's slot is taken over after this [ms]")
    ] = 10_000

    @property
    def window_size(self) -> int:
        """Return the ranges that one listener keeps in flight."""
        return self.window or 2 * self.worker_processes


class ZtfGateSettings(Section):
    """What keeps a ZTF alert off the public topics."""

    exclude_rock: Annotated[bool | None, Field(description="known asteroids within 12 arcsec")] = (
        None
    )
    min_drb: Annotated[float | None, Field(ge=0, le=1, description="lowest deep score")] = None


class LsstGateSettings(Section):
    """What keeps an LSST alert off the public topics."""

    exclude_rock: Annotated[bool | None, Field(description="solar-system associations")] = None
    exclude_pixel_flags: Annotated[bool | None, Field(description="flagged pixels")] = None
    min_reliability: Annotated[float | None, Field(ge=0, le=1, description="lowest score")] = None


class GateSettings(Section):
    """Publication gates; a value given here beats the preset's."""

    preset: Annotated[
        Literal["boom", "open"], Field(description="boom excludes what BOOM does; open little")
    ] = "boom"
    ztf: Annotated[ZtfGateSettings, Field(description="ZTF's gates")] = ZtfGateSettings()
    lsst: Annotated[LsstGateSettings, Field(description="LSST's gates")] = LsstGateSettings()


class RouteSettings(Section):
    """Classification; a value given here beats the preset's."""

    preset: Annotated[
        Literal["seed", "boom"], Field(description="flowcharts as published, or BOOM's")
    ] = "seed"
    near_bright_star_is_stellar: Annotated[
        bool | None, Field(description="a bright star nearby also means stellar")
    ] = None
    hosted_threshold_inclusive: Annotated[
        bool | None, Field(description="a score of exactly 0.5 means hosted")
    ] = None
    lspsc_max_matches: Annotated[
        int | None, Field(gt=0, description="nearest LSPSC rows looked at; none given: all")
    ] = None


class LspscSettings(Section):
    """The Legacy Survey point-source catalog."""

    footprint_moc: Annotated[
        str,
        Field(description="MOC FITS file; 'approximate' is |b| > 18 deg; 'none' is no footprint"),
    ] = "approximate"


class NoneTopicSettings(Section):
    """The derived topic ``babamul.none``."""

    crossmatch_radius_arcsec: Annotated[
        float, Field(gt=0, le=60, description="no archival source within this radius [arcsec]")
    ] = 2.0
    include_unknown: Annotated[bool, Field(description="also alerts of class unknown")] = False


class BabamulSettings(Section):
    """The public streams."""

    retention_days: Annotated[int, Field(gt=0, description="how long topics keep messages [d]")] = 7
    none: Annotated[NoneTopicSettings, Field(description="babamul.none")] = NoneTopicSettings()


class TestStreamSettings(Section):
    """What comes day and night, for people who try their consumers."""

    period_s: Annotated[
        float, Field(gt=0, le=3600, description="a test alert of each survey so often [s]")
    ] = 10
    heartbeat_s: Annotated[
        float, Field(gt=0, le=3600, description="a message on babamul.heartbeat so often [s]")
    ] = 60


class LsstSettings(Section):
    """How Rubin's packets are read."""

    schema_dir: Annotated[
        str, Field(description="directory of {id}.avsc beside the package's schemas; may be empty")
    ] = ""
    registry_url: Annotated[
        str, Field(description="upstream Confluent registry asked for unknown ids; may be empty")
    ] = ""


class ArchiveSettings(Section):
    """Where raw packets are kept."""

    path: Annotated[str, Field(description="folder; relative to the project")] = ".nightjar/archive"
    segment_bytes: Annotated[
        int, Field(gt=0, description="a segment is closed above this size")
    ] = 1_073_741_824


class WebSettings(Section):
    """The web process."""

    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[Port, Field(description="published clients hard-wire 4000")] = 4000
    public_url: Annotated[str, Field(description="address in mails and snippets")] = (
        "http://localhost:4000"
    )
    secret_key: Annotated[SecretStr, Field(description="Django's signing key, 50 characters")] = (
        SecretStr("")
    )
    fernet_keys: Annotated[
        tuple[SecretStr, ...],
        Field(description="seal what waits in rows; the first seals; empty: of web.secret_key"),
    ] = ()
    allowed_hosts: Annotated[tuple[str, ...], Field(description="host names answered to")] = (
        "localhost",
        "127.0.0.1",
    )
    trusted_proxies: Annotated[
        int, Field(ge=0, le=10, description="proxies in front that append to X-Forwarded-For")
    ] = 0
    debug: Annotated[bool, Field(description="Django's debug pages; never in production")] = False


class OperatorSettings(Section):
    """Who runs this: shown at the foot of every page, and on the pages of terms and privacy."""

    name: Annotated[str, Field(description="institute or person; empty: the pages say so")] = ""
    contact: Annotated[
        str, Field(description="e-mail address of whoever answers; may be empty")
    ] = ""
    terms_file: Annotated[
        str, Field(description="text of the terms of use, a blank line between paragraphs")
    ] = ""
    privacy_file: Annotated[
        str, Field(description="text about personal data, a blank line between paragraphs")
    ] = ""


class LimitsSettings(Section):
    """How much anybody may ask of the web; what concerns sign-up and log-in is under accounts."""

    address_per_s: Annotated[
        float, Field(gt=0, description="requests of one address; a workshop has one [1/s]")
    ] = 100
    address_burst: Annotated[int, Field(gt=0, description="that may come at once")] = 400
    user_per_s: Annotated[float, Field(gt=0, description="requests of one account [1/s]")] = 50
    user_burst: Annotated[int, Field(gt=0, description="that may come at once")] = 200
    searches: Annotated[int, Field(gt=0, description="heavy searches of one account at once")] = 4
    search_wait_s: Annotated[
        float, Field(ge=0, le=25, description="the next one waits so long for its turn [s]")
    ] = 20


class AccountsSettings(Section):
    """People's accounts: how long codes and logins hold, how much anybody may ask for."""

    token_key: Annotated[
        SecretStr,
        Field(description="signs the API's tokens, 32 characters or more; empty: of the web's key"),
    ] = SecretStr("")
    activation_ttl_s: Annotated[
        int, Field(gt=0, description="an activation code is good for this time [s]")
    ] = 86_400
    reset_ttl_s: Annotated[
        int, Field(gt=0, description="a code for a new password is good for this time [s]")
    ] = 3600
    reset_cooldown_s: Annotated[
        int, Field(ge=0, description="shortest time between two changes of a password [s]")
    ] = 900
    token_ttl_s: Annotated[
        int, Field(gt=0, description="an API token of a log-in is good for this time [s]")
    ] = 604_800
    session_idle_s: Annotated[
        int, Field(gt=0, description="a browser that stays away so long is signed out [s]")
    ] = 1_209_600
    max_tokens: Annotated[int, Field(gt=0, description="personal access tokens per account")] = 10
    max_credentials: Annotated[int, Field(gt=0, description="named Kafka credentials each")] = 10
    reconcile_s: Annotated[
        int, Field(ge=10, description="credentials are compared with Kafka's listings so often [s]")
    ] = 300
    grant_wait_s: Annotated[
        float, Field(ge=0, le=20, description="a page waits so long for Kafka to confirm [s]")
    ] = 10
    signups_per_ip_h: Annotated[
        int, Field(gt=0, description="sign-ups from one address; a workshop has one")
    ] = 60
    signups_per_email_h: Annotated[int, Field(gt=0, description="sign-ups of one e-mail")] = 5
    signups_h: Annotated[int, Field(gt=0, description="sign-ups from everywhere")] = 200
    logins_per_ip_min: Annotated[int, Field(gt=0, description="log-ins from one address")] = 10
    failures_per_email: Annotated[
        int, Field(gt=0, description="wrong passwords of one e-mail and address before a pause")
    ] = 5
    failure_pause_s: Annotated[int, Field(gt=0, description="that pause [s]")] = 900
    activations_per_ip_h: Annotated[
        int, Field(gt=0, description="activations from one address; a workshop has one")
    ] = 60
    activations_per_email_h: Annotated[
        int, Field(gt=0, description="activations tried of one e-mail")
    ] = 10
    resets_per_ip_h: Annotated[
        int, Field(gt=0, description="forgotten or changed passwords from one address")
    ] = 20
    resets_per_email_h: Annotated[
        int, Field(gt=0, description="mails about a forgotten password of one e-mail")
    ] = 3


class MailSettings(Section):
    """How mails leave; without a server they are written into a folder."""

    host: Annotated[str, Field(description="of the mail server; empty: write into spool_dir")] = ""
    port: Annotated[Port, Field(description="of the mail server")] = 587
    security: Annotated[
        Literal["none", "starttls", "tls"], Field(description="of the connection to it")
    ] = "starttls"
    username: Annotated[str, Field(description="at the mail server; empty: no log-in")] = ""
    password: Annotated[SecretStr, Field(description="at the mail server")] = SecretStr("")
    timeout_s: Annotated[int, Field(gt=0, le=60, description="for each step with it [s]")] = 15
    from_address: Annotated[str, Field(description="sender of every mail")] = (
        "Nightjar <nightjar@localhost>"
    )
    spool_dir: Annotated[str, Field(description="folder; empty: mail in the home of the parts")] = (
        ""
    )
    expires_s: Annotated[
        int, Field(gt=0, description="a mail that no server took by then is dropped [s]")
    ] = 86_400


class NativeSettings(Section):
    """The parts that ``compose/native`` starts: ports on loopback and where programs are."""

    postgres_port: Annotated[Port, Field(description="of the native PostgreSQL")] = 15432
    redis_port: Annotated[Port, Field(description="of the native Redis")] = 16379
    kafka_port: Annotated[Port, Field(description="inside listener of the native Kafka")] = 29092
    kafka_controller_port: Annotated[Port, Field(description="its controller's listener")] = 29093
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


class Config(Section):
    """The whole configuration."""

    home: Annotated[
        str, Field(description="state of the native parts; relative to the project")
    ] = ".nightjar"
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    kafka: KafkaSettings = KafkaSettings()
    streams: StreamsSettings = StreamsSettings()
    ranges: RangesSettings = RangesSettings()
    gate: GateSettings = GateSettings()
    route: RouteSettings = RouteSettings()
    lspsc: LspscSettings = LspscSettings()
    babamul: BabamulSettings = BabamulSettings()
    test_stream: TestStreamSettings = TestStreamSettings()
    lsst: LsstSettings = LsstSettings()
    archive: ArchiveSettings = ArchiveSettings()
    web: WebSettings = WebSettings()
    operator: OperatorSettings = OperatorSettings()
    limits: LimitsSettings = LimitsSettings()
    accounts: AccountsSettings = AccountsSettings()
    mail: MailSettings = MailSettings()
    native: NativeSettings = NativeSettings()
    logs: LogsSettings = LogsSettings()
    testing: TestingSettings = TestingSettings()


class ConfigError(Exception):
    """A setting has a wrong value; the message names field and rule."""


def build(
    environment: Mapping[str, str] | None = None, toml: Mapping[str, Any] | None = None
) -> Config:
    """Return the configuration made of TOML values and, stronger, environment values.

    Raises
    ------
    ConfigError
        If a name is unknown or a value is out of bounds.
    """
    values = Config().model_dump()  # so that one field of a stream can be given alone
    _merge(values, toml or {})
    for path, text in _environment_values(environment or {}):
        _put(values, path, text)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in problem['loc'])}: "
            + ("no such setting" if problem["type"] == "extra_forbidden" else problem["msg"])
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("wrong settings: " + "; ".join(lines)) from None


@cache
def config() -> Config:
    """Return this process's configuration, read once."""
    return read_config()


def read_config(*, with_native_env: bool = True) -> Config:
    """Read the configuration; without what ``compose/native`` wrote when it asks itself."""
    environment = dict(os.environ)  # noqa: TID251 the one place that reads it
    home = ROOT / environment.get(f"{PREFIX}HOME", ".nightjar")
    layered: dict[str, str] = {}
    for file in (*((home / "native.env",) if with_native_env else ()), ROOT / ".env"):
        layered |= {k: v for k, v in dotenv_values(file).items() if v is not None}
    layered |= environment
    toml = _read_toml(ROOT / layered.get(f"{PREFIX}TOML", "nightjar.toml"))
    if secrets := layered.get(f"{PREFIX}SECRETS"):
        _merge(toml, _read_toml(Path(secrets), required=True))
    return build(layered, toml)


def project_path(path: str) -> Path:
    """Return ``path``, taken as relative to the project's folder."""
    return ROOT / path


def _read_toml(path: Path, *, required: bool = False) -> dict[str, Any]:
    if not required and not path.exists():
        return {}
    if required and path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} holds secrets and is readable by others; run: chmod 600 {path}")
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: {error}") from None


def _environment_values(environment: Mapping[str, str]) -> list[tuple[list[str], Any]]:
    found: list[tuple[list[str], Any]] = _seed_values(environment)
    reserved = {f"{PREFIX}TOML", f"{PREFIX}SECRETS"}
    for name, text in environment.items():
        if name.startswith(PREFIX) and name not in reserved:
            path = name.removeprefix(PREFIX).lower().split("__")
            found.append((path, _list_or_text(path, text)))
    return found


def _seed_values(environment: Mapping[str, str]) -> list[tuple[list[str], Any]]:
    """Translate the variable names of the systems before us."""
    found: list[tuple[list[str], Any]] = []
    if host := environment.get("POSTGRES_HOST"):
        user = quote(environment.get("POSTGRES_USER", "postgres"), safe="")
        password = quote(environment.get("POSTGRES_PASSWORD", ""), safe="")
        port = environment.get("POSTGRES_PORT", "5432")
        name = environment.get("POSTGRES_DB", user)
        found.append((["postgres", "url"], f"postgresql://{user}:{password}@{host}:{port}/{name}"))
    if url := environment.get("SQLALCHEMY_DATABASE_URI") or environment.get("DATABASE_URL"):
        scheme, _, rest = url.partition("://")
        found.append((["postgres", "url"], f"{scheme.partition('+')[0]}://{rest}"))
    if host := environment.get("REDIS_HOST"):
        password = quote(environment.get("REDIS_PASSWORD", ""), safe="")
        login = f":{password}@" if password else ""
        port = environment.get("REDIS_PORT", "6379")
        database = environment.get("REDIS_DB", "0")
        found.append((["redis", "url"], f"redis://{login}{host}:{port}/{database}"))
    if url := environment.get("CELERY_BROKER_URL") or environment.get("REDIS_URL"):
        found.append((["redis", "url"], url))
    return found


def _list_or_text(path: list[str], text: str) -> Any:
    if path[-1] in {"scram_ports", "allowed_hosts", "fernet_keys"}:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _put(values: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


def _merge(into: dict[str, Any], extra: Mapping[str, Any]) -> None:
    for name, value in extra.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value
