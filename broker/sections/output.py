"""Settings of nightly tables and images: what is read for them, where they lie, how long."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from broker.sections import Section
from broker.sections.streams import StreamSettings

ExtraColumn = Literal[
    "snr",
    "chi",
    "prv_candidates",
    "reliability",
    "ssObjectId",
    "designation",
    "hasSSSource",
    "timeWithdrawnMjdTai",
    "antaresLocusId",
    "antaresAlertId",
]
"""Of ``pipeline.selected.columns.EXTRA``, which says what each one holds."""


class CollectSettings(Section):
    """Topics whose alerts become tables and images, by the name of their source."""

    selected: Annotated[
        StreamSettings,
        Field(description="what our own filter selected; no topic: that of its settings"),
    ] = StreamSettings(topic="")
    babamul: Annotated[
        StreamSettings, Field(description="public LSST streams; packets come from the archive")
    ] = StreamSettings(topic=r"^babamul\.lsst\..*match\..*$")
    antares: Annotated[
        StreamSettings,
        Field(description="loci of ANTARES; its topic of a tag is client. and the tag's name"),
    ] = StreamSettings(
        topic="",
        bootstrap_servers="kafka.antares.noirlab.edu:9092",
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        check_host=False,
    )
    recheck: Annotated[
        bool, Field(description="apply our filter's thresholds to what other brokers send, too")
    ] = True
    batch_messages: Annotated[
        int, Field(gt=0, le=2000, description="stored in one transaction, then written")
    ] = 250
    workers: Annotated[
        int, Field(gt=0, le=32, description="cutouts that one process writes at once")
    ] = 4
    scheduled: Annotated[
        tuple[str, ...],
        Field(description="sources that beat collects; not those that a listener reads"),
    ] = ()
    every_h: Annotated[
        float, Field(gt=0, le=168, description="beat collects each of them so often [h]")
    ] = 6

    def named(self, source: str) -> StreamSettings:
        """Return the settings of a source.

        Raises
        ------
        KeyError
            Naming the sources that there are.
        """
        known = self.sources
        if source not in known:
            raise KeyError(f"no source {source!r}; known: {', '.join(known)}")
        return known[source]

    @property
    def sources(self) -> Mapping[str, StreamSettings]:
        """Return where each source is read."""
        return {
            name: value
            for name in type(self).model_fields
            if isinstance(value := getattr(self, name), StreamSettings)
        }


class OutputSettings(Section):
    """Where nightly tables and images are written."""

    root: Annotated[
        str, Field(description="folder of lsst_alerts, data and images; relative to the project")
    ] = "."
    host: Annotated[str, Field(description="name that files belong to; empty: this machine's")] = ""
    extra_columns: Annotated[
        tuple[ExtraColumn, ...],
        Field(description="further columns of the tables, from the next file on; see docs"),
    ] = ()


class RetentionSettings(Section):
    """How long files are kept after their night; 0 is for ever."""

    hour_utc: Annotated[
        int,
        Field(ge=0, le=23, description="from this hour on a day's files go, each day [h UTC]"),
    ] = 4
    csv_days: Annotated[int, Field(ge=0, description="nightly tables [d]")] = 30
    parquet_days: Annotated[int, Field(ge=0, description="the same as Parquet [d]")] = 30
    cutout_days: Annotated[int, Field(ge=0, description="FITS of selected alerts [d]")] = 30
    jsonl_days: Annotated[int, Field(ge=0, description="alerts of Lasair [d]")] = 30
    image_days: Annotated[int, Field(ge=0, description="stamps of Lasair's alerts [d]")] = 30
    log_days: Annotated[
        int,
        Field(ge=0, description="logs since their last line [d]"),
    ] = 30
    archive_days: Annotated[int, Field(ge=0, description="raw packets [d]")] = 90
