"""Settings of selected alerts: which filters run on the raw stream, and where their alerts go."""

from typing import Annotated, Literal

from pydantic import Field

from broker.sections import Section, Share


class ExtendednessSettings(Section):
    """The extendedness filter of LSST alerts, over the alert's own and its earlier sources."""

    enabled: Annotated[bool, Field(description="whether it runs")] = True
    topic: Annotated[
        str, Field(description="where its alerts go", pattern=r"^[A-Za-z0-9._-]{1,249}$")
    ] = "lsst-extendedness-filtered"
    median_min: Annotated[Share, Field(description="lowest median: 0 point-like, 1 extended")] = 0.0
    median_max: Annotated[Share, Field(description="highest median")] = 1.0
    min_threshold: Annotated[Share, Field(description="no source is less extended")] = 0.0
    max_threshold: Annotated[Share, Field(description="no source is more extended")] = 1.0
    require_sssource: Annotated[
        bool | Literal["any"],
        Field(description="only alerts of the solar system; false: only others; any: both"),
    ] = True


class SelectedSettings(Section):
    """Selected alerts: filters on the raw stream and the topics that their alerts go to."""

    wire: Annotated[
        Literal["container", "confluent"],
        Field(
            description="an Avro container of one record each, or Confluent framing with ids of "
            "registry.url"
        ),
    ] = "container"
    partitions: Annotated[int, Field(gt=0, le=1000, description="of each topic")] = 4
    retention_days: Annotated[int, Field(gt=0, description="how long topics keep messages [d]")] = 7
    extendedness: ExtendednessSettings = ExtendednessSettings()
