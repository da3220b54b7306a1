"""Settings of selected alerts: which filters run on the raw stream, and where their alerts go."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from broker.sections import GivenFolder, Section, Share
from broker.sections.streams import StreamSettings

TAKEN_NAMES = {
    *("selected", "babamul", "antares", "lasair", "data", "cutouts", "ztf", "lsst"),
    *("igwn", "voevent", "gcn"),
}
"""Of streams and folders of ours."""


TOPIC, LASAIR_TOPIC = r"^[A-Za-z0-9._-]{1,249}$", r"^lasair_[A-Za-z0-9._-]{1,240}$"
"""What names of topics look like."""


class FilterSettings(Section):
    """What every filter's section has beside its thresholds; the filter gives it its name."""

    source: ClassVar[str] = ""
    """Of its topic, as in ``collect NAME``; empty: the filter's name."""

    enabled: Annotated[bool, Field(description="whether it runs")] = True
    topic: Annotated[str, Field(description="where its alerts go", pattern=TOPIC)]
    lasair: Annotated[
        bool, Field(description="send them as JSON, too, for clients of Lasair's filters")
    ] = False
    lasair_topic: Annotated[str, Field(description="where that goes", pattern=LASAIR_TOPIC)]


class ExtendednessSettings(FilterSettings):
    """The extendedness filter of LSST alerts, over the alert's own and its earlier sources."""

    source: ClassVar[str] = "selected"

    topic: Annotated[str, Field(description="where its alerts go", pattern=TOPIC)] = (
        "lsst-extendedness-filtered"
    )
    lasair_topic: Annotated[str, Field(description="where that goes", pattern=LASAIR_TOPIC)] = (
        "lasair_1nightjar-extendedness"
    )
    median_min: Annotated[Share, Field(description="lowest median: 0 point-like, 1 extended")] = 0.0
    median_max: Annotated[Share, Field(description="highest median")] = 1.0
    min_threshold: Annotated[Share, Field(description="no source is less extended")] = 0.0
    max_threshold: Annotated[Share, Field(description="no source is more extended")] = 1.0
    require_sssource: Annotated[
        bool | Literal["any"],
        Field(description="only alerts of the solar system; false: only others; any: both"),
    ] = True

    @field_validator("require_sssource", mode="wrap")
    @classmethod
    def _check_sssource(cls, value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        try:
            return check(value)
        except ValidationError:
            raise ValueError(f"{value!r} is none of true, false, any") from None

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        for low, high in (("median_min", "median_max"), ("min_threshold", "max_threshold")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is above {high}: nothing would ever be selected")
        return self


class SourceSettings(StreamSettings):
    """A broker of others that carries Rubin's packets; its files lie in a folder of its name."""

    name: Annotated[
        str,
        Field(description="of the source, as in collect NAME", pattern="^[a-z][a-z0-9-]{0,39}$"),
    ]
    bootstrap_servers: Annotated[str, Field(min_length=1, description="of the broker")]
    group_id: Annotated[
        str, Field(description="the whole consumer group; empty: group_prefix and its name")
    ] = ""
    wire: Annotated[
        Literal["container", "confluent"], Field(description="how the packets are framed")
    ] = "confluent"
    filter: Annotated[
        str, Field(description="filter of ours whose thresholds collect.recheck applies")
    ] = "extendedness"
    schema_dir: Annotated[
        GivenFolder, Field(description="directory of {id}.avsc, looked into first; may be empty")
    ] = ""
    registry_url: Annotated[
        str, Field(description="its registry, asked for ids that no file has; may be empty")
    ] = ""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if name in TAKEN_NAMES:
            raise ValueError(f"{name!r} is taken; so are {', '.join(sorted(TAKEN_NAMES))}")
        return name


class SelectedSettings(Section):
    """Selected alerts: filters on the raw stream and the topics that their alerts go to."""

    wire: Annotated[
        Literal["container", "confluent"],
        Field(
            description="an Avro container of one record each, or Confluent framing with ids of "
            "registry.url"
        ),
    ] = "confluent"
    partitions: Annotated[int, Field(gt=0, le=1000, description="of each topic")] = 4
    retention_days: Annotated[int, Field(gt=0, description="how long topics keep messages [d]")] = 7
    sources: Annotated[
        tuple[SourceSettings, ...],
        Field(description="brokers of others: name, topic, bootstrap_servers, wire and others"),
    ] = ()
    extendedness: ExtendednessSettings = ExtendednessSettings()

    @field_validator("sources")
    @classmethod
    def _check_sources(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        names = [source.name for source in sources]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"named twice: {', '.join(sorted(twice))}")
        return sources

    @model_validator(mode="after")
    def _check_filters(self) -> Self:
        if taken := {each.name for each in self.sources} & self.filter_sources.keys():
            raise ValueError(f"{', '.join(sorted(taken))}: a source of a filter of ours")
        if strange := {each.filter for each in self.sources} - self.filters.keys():
            raise ValueError(f"no filter {', '.join(sorted(strange))}: {', '.join(self.filters)}")
        return self

    @property
    def filters(self) -> Mapping[str, FilterSettings]:
        """Return the sections of our own filters, by the filter's name."""
        return {
            name: value
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), FilterSettings)
        }

    @property
    def filter_sources(self) -> Mapping[str, StreamSettings]:
        """Return where what each of our own filters selects is read, by the source's name."""
        return {
            each.source or name: StreamSettings(topic=each.topic)
            for name, each in self.filters.items()
        }
