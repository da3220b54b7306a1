"""The whole configuration, and where its values come from; the fields are in ``broker.sections``.

Values come, the stronger first, from the environment (``NIGHTJAR_SECTION__FIELD``), ``.env``, what
``compose/native`` wrote about the parts that it started, the secrets file named by
``NIGHTJAR_SECRETS`` and ``nightjar.toml``. The variable names of the systems before us are accepted
as aliases.
"""

import json
import os
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import quote

from dotenv import dotenv_values
from pydantic import AfterValidator, Field, ValidationError, model_validator

from broker.sections import PROJECT, Section
from broker.sections.antares import AntaresSettings
from broker.sections.gcn import GcnSettings
from broker.sections.gw import GwSettings
from broker.sections.lasair import AlerceSettings, LasairSettings
from broker.sections.metrics import MetricsSettings
from broker.sections.output import CollectSettings, OutputSettings, RetentionSettings
from broker.sections.outside import GracedbSettings, OwncloudSettings, S3Settings, SwiftSettings
from broker.sections.parts import (
    AlertsSettings,
    ArchiveSettings,
    BackupSettings,
    CompiledSettings,
    KafkaSettings,
    LogsSettings,
    NativeSettings,
    PostgresSettings,
    RedisSettings,
    RegistrySettings,
    TestingSettings,
)
from broker.sections.people import (
    AccountsSettings,
    LimitsSettings,
    MailSettings,
    OperatorSettings,
    WebSettings,
)
from broker.sections.selected import SelectedSettings
from broker.sections.slack import SlackSettings
from broker.sections.streams import (
    BabamulSettings,
    GateSettings,
    LspscSettings,
    LsstSettings,
    RangesSettings,
    RouteSettings,
    StreamSettings,
    StreamsSettings,
    TestStreamSettings,
)
from broker.sections.telescope import TelescopeBusSettings, Telescopes, check_telescopes
from broker.sections.user_filters import UserFilterSettings
from broker.sections.watch import WatchSettings

PREFIX = "NIGHTJAR_"
ROOT = PROJECT


class Config(Section):
    """The whole configuration."""

    home: Annotated[
        str, Field(description="state of the native parts; relative to the project")
    ] = ".nightjar"
    postgres: PostgresSettings = PostgresSettings()
    redis: RedisSettings = RedisSettings()
    kafka: KafkaSettings = KafkaSettings()
    registry: RegistrySettings = RegistrySettings()
    streams: StreamsSettings = StreamsSettings()
    gcn: GcnSettings = GcnSettings()
    ranges: RangesSettings = RangesSettings()
    gate: GateSettings = GateSettings()
    route: RouteSettings = RouteSettings()
    lspsc: LspscSettings = LspscSettings()
    babamul: BabamulSettings = BabamulSettings()
    test_stream: TestStreamSettings = TestStreamSettings()
    lsst: LsstSettings = LsstSettings()
    selected: SelectedSettings = SelectedSettings()
    gw: GwSettings = GwSettings()
    lasair: LasairSettings = LasairSettings()
    alerce: AlerceSettings = AlerceSettings()
    antares: AntaresSettings = AntaresSettings()
    telescope: TelescopeBusSettings = TelescopeBusSettings()
    telescopes: Annotated[
        Telescopes,
        AfterValidator(check_telescopes),
        Field(description="the telescopes on the bus by name"),
    ] = Field(default_factory=dict)
    alerts: AlertsSettings = AlertsSettings()
    archive: ArchiveSettings = ArchiveSettings()
    backup: BackupSettings = BackupSettings()
    compiled: CompiledSettings = CompiledSettings()
    collect: CollectSettings = CollectSettings()
    output: OutputSettings = OutputSettings()
    retention: RetentionSettings = RetentionSettings()
    watch: WatchSettings = WatchSettings()
    user_filters: UserFilterSettings = UserFilterSettings()
    web: WebSettings = WebSettings()
    operator: OperatorSettings = OperatorSettings()
    limits: LimitsSettings = LimitsSettings()
    accounts: AccountsSettings = AccountsSettings()
    mail: MailSettings = MailSettings()
    owncloud: OwncloudSettings = OwncloudSettings()
    s3: S3Settings = S3Settings()
    gracedb: GracedbSettings = GracedbSettings()
    swift: SwiftSettings = SwiftSettings()
    slack: SlackSettings = SlackSettings()
    native: NativeSettings = NativeSettings()
    logs: LogsSettings = LogsSettings()
    metrics: MetricsSettings = MetricsSettings()
    testing: TestingSettings = TestingSettings()

    @model_validator(mode="after")
    def _check_scheduled(self) -> Self:
        known = [*self.own_sources, *(source.name for source in self.selected.sources)]
        if strange := [name for name in self.collect.scheduled if name not in known]:
            raise ValueError(
                f"collect.scheduled: no source {', '.join(strange)}; known: {', '.join(known)}"
            )
        return self

    @property
    def own_sources(self) -> Mapping[str, StreamSettings]:
        """Return where each source of selected alerts that we know is read, by name.

        What ``collect`` says of a filter's source holds; its topic is the filter's unless named.
        """
        found = dict(self.collect.sources)
        for name, ours in self.selected.filter_sources.items():
            said = found.get(name, ours)
            found[name] = said if said.topic else said.model_copy(update={"topic": ours.topic})
        return found


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
        problems = error.errors(include_input=False, include_url=False)
        raise ConfigError("wrong settings: " + "; ".join(map(_said, problems))) from None


def _said(problem: Mapping[str, Any]) -> str:
    """Say of one problem where it is and what is wrong; one between sections names its own."""
    wrong = "no such setting" if problem["type"] == "extra_forbidden" else problem["msg"]
    where = ".".join(str(part) for part in problem["loc"])
    wrong = wrong.removeprefix("Value error, ")
    return f"{where}: {wrong}" if where else wrong


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
    if token := environment.get("FINK_SLACK_TOKEN"):
        found.append((["slack", "token"], token))
    return found


_LISTS = {
    "scram_ports",
    "allowed_hosts",
    "fernet_keys",
    "token_reminder_days",
    "upload_hosts",
    "image_hosts",
    "jd_fields",
    "extra_columns",
    "scheduled",
    "mail_to",
}
"""Settings that the environment names with commas in between."""
_TABLES = {"plan_groups", "topics", "sources", "telescopes"}
"""Settings that it gives as JSON."""


def _list_or_text(path: list[str], text: str) -> Any:
    if path[-1] in _TABLES:
        return _json(path, text or "[]")
    if path[-1] in _LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _json(path: list[str], text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{'.'.join(path)}: no JSON: {error}") from None


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
