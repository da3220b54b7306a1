"""Settings of Lasair's filter streams, and of ALeRCE, where their images come from."""

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator

from broker.sections import Section

STREAM = "lasair"
"""The stream of Lasair's filters, as in ``manage.py listen lasair``."""
_ADDRESS = "^(https?://.+)?$"
_TOPIC = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,248}")
"""What Kafka takes, and a folder of logs can be called."""


class LasairTopicSettings(Section):
    """One filter's topic."""

    name: Annotated[str, Field(description="of the topic, as lasair_2SN-likecandidates")]
    survey: Annotated[Literal["ztf", "lsst"], Field(description="whose objects it tells of")]
    bootstrap_servers: Annotated[
        str, Field(description="where it is read; empty: Lasair's server of the survey")
    ] = ""
    group_id: Annotated[
        str, Field(description="its consumer group; empty: lasair.group_prefix and its name")
    ] = ""

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if not _TOPIC.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a topic: letters, digits, . _ - only")
        return name


class LasairSettings(Section):
    """Lasair's filter streams: JSON on Kafka without a login."""

    topics: Annotated[
        tuple[LasairTopicSettings, ...],
        Field(description="what is read: name, survey, bootstrap_servers, group_id"),
    ] = ()
    ztf_servers: Annotated[
        str, Field(description="Lasair's Kafka of ZTF; empty: our own broker")
    ] = "kafka.lsst.ac.uk:9092"
    lsst_servers: Annotated[
        str, Field(description="Lasair's Kafka of LSST; empty: our own broker")
    ] = "lasair-lsst-kafka.lsst.ac.uk:9092"
    group_prefix: Annotated[
        str, Field(min_length=1, description="begins the consumer groups; one for each topic")
    ] = "nightjar-lasair-"
    start: Annotated[
        Literal["earliest", "latest"], Field(description="where a group without offsets begins")
    ] = "earliest"
    jd_fields: Annotated[
        tuple[str, ...],
        Field(min_length=1, description="Julian Dates that also get UTC; the last dates an alert"),
    ] = ("first_detection", "latest_detection")
    cutouts: Annotated[
        bool, Field(description="images of every alert are fetched from our archive or ALeRCE")
    ] = True

    @field_validator("topics")
    @classmethod
    def _check_topics(
        cls, topics: tuple[LasairTopicSettings, ...]
    ) -> tuple[LasairTopicSettings, ...]:
        names = [topic.name for topic in topics]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"read twice: {', '.join(sorted(twice))}")
        return topics

    def servers(self, topic: LasairTopicSettings) -> str:
        """Return where a topic is read; empty: on our own broker."""
        of_survey = self.ztf_servers if topic.survey == "ztf" else self.lsst_servers
        return topic.bootstrap_servers or of_survey

    @property
    def own_topics(self) -> tuple[LasairTopicSettings, ...]:
        """Return the topics that our own broker carries: simulated ones, or a mirror."""
        return tuple(topic for topic in self.topics if not self.servers(topic))

    def group(self, topic: LasairTopicSettings) -> str:
        """Return the consumer group of a topic."""
        return topic.group_id or f"{self.group_prefix}{topic.name}"


class AlerceSettings(Section):
    """ALeRCE's services of detections and images; no other host is asked."""

    ztf_url: Annotated[
        str, Field(description="of ZTF's objects; empty: never asked", pattern=_ADDRESS)
    ] = "https://api.alerce.online/ztf/v1"
    ztf_stamps_url: Annotated[
        str, Field(description="of ZTF's images; empty: never asked", pattern=_ADDRESS)
    ] = "https://avro.alerce.online"
    lsst_url: Annotated[
        str, Field(description="of LSST's objects and images; empty: never", pattern=_ADDRESS)
    ] = "https://api-lsst.alerce.online"
    connect_timeout_s: Annotated[float, Field(gt=0, le=30, description="to connect [s]")] = 5
    read_timeout_s: Annotated[
        float, Field(gt=0, le=30, description="between two pieces of an answer [s]")
    ] = 20
    requests_per_s: Annotated[
        float, Field(gt=0, le=1000, description="asked at most, of all our processes together")
    ] = 2
