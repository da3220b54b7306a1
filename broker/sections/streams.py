"""Settings of the alert streams: what is read, how fast, by which rules it is published."""

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from broker.sections import GivenFile, Section


class StreamSettings(Section):
    """Where one input stream is read, and how fast."""

    topic: Annotated[str, Field(description="topic, or a regular expression beginning with ^")]
    bootstrap_servers: Annotated[
        str, Field(description="empty: our own broker on its inside listener")
    ] = ""
    security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Field(description="of a foreign broker"),
    ] = "SASL_PLAINTEXT"
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        Field(description="of a foreign broker"),
    ] = "SCRAM-SHA-512"
    username: Annotated[str, Field(description="at a foreign broker")] = ""
    password: Annotated[SecretStr, Field(description="at a foreign broker")] = SecretStr("")
    ca_file: Annotated[
        GivenFile, Field(description="who vouches for a foreign broker (PEM); empty: the system's")
    ] = ""
    check_host: Annotated[
        bool, Field(description="a foreign broker's certificate must name its host; ANTARES's not")
    ] = True
    group_prefix: Annotated[
        str, Field(description="begins the group id; Rubin wants the user name in front")
    ] = "nightjar-"
    start: Annotated[
        Literal["earliest", "latest"], Field(description="where a group without offsets begins")
    ] = "earliest"

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: str) -> str:
        if topic.startswith("^"):
            try:
                re.compile(topic)
            except re.error as error:
                raise ValueError(f"{topic!r} is no regular expression: {error}") from None
        return topic


class DataStreamSettings(StreamSettings):
    """The telescopes' data topics, and how fast they are stored."""

    topic: Annotated[str, Field(description="empty always: the topics are those of telescopes")] = (
        ""
    )
    offsets_per_task: Annotated[
        int, Field(gt=0, le=500, description="largest range: messages of one task")
    ] = 500

    @field_validator("topic")
    @classmethod
    def _check_topic(cls, topic: str) -> str:
        if topic:
            raise ValueError("must be empty: each telescope's record names its topics")
        return topic


class StreamsSettings(Section):
    """The input streams by name."""

    ztf: Annotated[StreamSettings, Field(description="ZTF alert packets")] = StreamSettings(
        topic="^ztf_[0-9]{8}_programid[123]$"
    )
    lsst: Annotated[StreamSettings, Field(description="Rubin alert packets")] = StreamSettings(
        topic="lsst-alerts-v11"
    )
    telescope_data: Annotated[DataStreamSettings, Field(description="what telescopes observed")] = (
        DataStreamSettings()
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
    email_principal: Annotated[
        bool, Field(description="an account's address and password open Kafka too; else named only")
    ] = True
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
