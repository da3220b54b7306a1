"""Every topic that is read or written; nothing else names one, but filters' settings theirs.

Adding a topic is one record here: ``create_topics`` makes it, the broker's rights are derived from
it, and the tests loop over it. A second copy of an alert also needs its output bit (``tables.py``)
and its line in ``publish.build``. Topics of selected alerts: ``pipeline.filters``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from broker.filter_book import NAME_PATTERN, TOPIC_PREFIX
from broker.kafka_rights import PROBE_TOPIC
from broker.registry import by_name
from broker.sections import lasair
from broker.sections.telescope import DATA_STREAM
from broker.topic_settings import (
    FILTER_PARTITIONS,
    FILTER_RETENTION_BYTES,
    FILTER_RETENTION_DAYS,
)

SCHEMA_VERSION = "1.0"
"""Of the public Avro schemas; a new nullable field at the end of a record raises the minor."""


@dataclass(frozen=True)
class RangeStream:
    """A stream that a listener cuts into ranges.

    Attributes
    ----------
    name : str
        As in ``manage.py listen NAME`` and the settings section ``streams.NAME``.
    task : str
        Celery task that works on one range.
    queue : str
        Celery queue of the task.
    """

    name: str
    task: str
    queue: str


@dataclass(frozen=True)
class InputStream(RangeStream):
    """A stream of alert packets.

    Attributes
    ----------
    survey : str
        Whose decoder reads its packets.
    own_topics : tuple of str
        Topics, or prefixes ending in ``*``, by which our own broker carries it.
    """

    survey: str
    own_topics: tuple[str, ...]


@dataclass(frozen=True)
class NoticeStream:
    """Topics of GCN that a listener reads message by message.

    Attributes
    ----------
    name : str
        As in ``manage.py listen NAME``; also its folder of the archive.
    topics : tuple of str
        As GCN names them; ``gcn.topic_prefix`` stands before.
    intake : str
        ``module:name`` of the ``pipeline.gw.arrival.Intake`` that takes its messages.
    """

    name: str
    topics: tuple[str, ...]
    intake: str


@dataclass(frozen=True)
class OutputTopic:
    """A topic that we write.

    Attributes
    ----------
    name : str
        On Kafka.
    survey : str or None
        None: messages of every survey, each with its own schema.
    description : str
        One sentence for the topic page.
    is_public : bool
        Open to every account; then, and only then, its name begins with ``babamul.``.
    """

    name: str
    survey: str | None
    description: str
    is_public: bool = True


STREAMS = (
    InputStream("ztf", "alerts.process", "alerts", "ztf", ("ztf_*",)),
    InputStream("lsst", "alerts.process", "alerts", "lsst", ("lsst-alerts-*",)),
)
TELESCOPE_DATA = RangeStream(DATA_STREAM, "telescope.sink", "telescope_data")
RANGE_STREAMS = (*STREAMS, TELESCOPE_DATA)

NOTICE_STREAMS = (
    NoticeStream("igwn", ("igwn.gwalert",), "pipeline.gw.intake:IGWN"),
    NoticeStream(
        "voevent",
        (
            "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK",
            "gcn.classic.voevent.SWIFT_XRT_POSITION",
            "gcn.classic.voevent.SWIFT_UVOT_POS",
            "gcn.notices.svom.voevent.eclairs",
            "gcn.notices.svom.voevent.mxt",
        ),
        "pipeline.gw.grb_intake:VOEVENT",
    ),
    NoticeStream(
        "gcn_json",
        (
            "gcn.notices.einstein_probe.wxt.alert",
            "gcn.notices.swift.bat.guano",
            "gcn.notices.icecube.lvk_nu_track_search",
            "gcn.notices.icecube.gold_bronze_track_alerts",
            "gcn.notices.boom.alert",
            "gcn.circulars",
            "gcn.heartbeat",
        ),
        "pipeline.gw.gcn_intake:GCN_JSON",
    ),
)

LASAIR = lasair.STREAM
"""The stream of Lasair's filters; ``lasair.topics`` names its topics."""

NONE_TOPIC = "babamul.none"

_CLASS_TEXT = {
    "stellar": "lie on a star",
    "hosted": "have a galaxy nearby",
    "hostless": "have neither star nor galaxy nearby",
    "unknown": "lie outside the point-source catalog's footprint",
}
_CLASSES = {
    "ztf": ("stellar", "hosted", "hostless"),
    "lsst": ("stellar", "hosted", "hostless", "unknown"),
}
_OTHER = {"ztf": "lsst", "lsst": "ztf"}
_COUNTERPART = {"ztf": "an LSST", "lsst": "a ZTF"}


def class_topic(survey: str, alert_class: str, *, is_matched: bool) -> str:
    """Return the topic of a published alert."""
    match = f"{'' if is_matched else 'no-'}{_OTHER[survey]}-match"
    return f"babamul.{survey}.{match}.{alert_class}"


def alert_classes(survey: str) -> tuple[str, ...]:
    """Return the classes that a survey's alerts may have."""
    return _CLASSES[survey]


def other_survey(survey: str) -> str:
    """Return the survey that ``survey`` is matched with."""
    return _OTHER[survey]


def _class_topics() -> Iterator[OutputTopic]:
    for survey, classes in _CLASSES.items():
        for is_matched in (False, True):
            for alert_class in classes:
                other = _COUNTERPART[survey]
                yield OutputTopic(
                    class_topic(survey, alert_class, is_matched=is_matched),
                    survey,
                    f"{survey.upper()} alerts {'with' if is_matched else 'without'} {other} "
                    f"counterpart that {_CLASS_TEXT[alert_class]}.",
                )


OUTPUTS = (
    *_class_topics(),
    OutputTopic(
        NONE_TOPIC,
        None,
        "Second copy of hostless alerts of both surveys with no counterpart in any catalog.",
    ),
)

TEST_TOPICS = {"ztf": PROBE_TOPIC, "lsst": "babamul.lsst-test"}
"""Topic of each survey's test alerts; the published client reads them like any other of it."""
HEARTBEAT_TOPIC = "babamul.heartbeat"
STEADY = (
    *(
        OutputTopic(
            name,
            survey,
            f"A synthetic {survey.upper()} alert every few seconds, day and night, with a negative "
            "candid: for trying a consumer.",
        )
        for survey, name in TEST_TOPICS.items()
    ),
    OutputTopic(HEARTBEAT_TOPIC, None, "The time, once a minute."),
)
"""Topics that no packet leads to, each with one partition; ``OUTPUTS`` and the books leave them
out."""
STEADY_RETENTION_DAYS = 1


@dataclass(frozen=True)
class TopicFamily:
    """Public topics that come and go with what people make.

    Attributes
    ----------
    prefix, name_pattern : str
        Of their names; the pattern is a regular expression for what follows the prefix.
    description : str
        One sentence for the topic page.
    partitions, retention_days, retention_bytes : int
        Of each.
    """

    prefix: str
    name_pattern: str
    description: str
    partitions: int
    retention_days: int
    retention_bytes: int


USER_FILTERS = TopicFamily(
    TOPIC_PREFIX,
    NAME_PATTERN,
    "What a user's filter catches among the alerts of one survey, as on the topics above.",
    FILTER_PARTITIONS,
    FILTER_RETENTION_DAYS,
    FILTER_RETENTION_BYTES,
)
FAMILIES = (USER_FILTERS,)


def range_stream(name: str) -> RangeStream:
    """Return the stream called ``name``, of alert packets or not, that is read in ranges.

    Raises
    ------
    KeyError
        Naming the streams that exist.
    """
    return by_name("stream", name, RANGE_STREAMS)


def stream(name: str) -> InputStream:
    """Return the stream of alert packets called ``name``.

    Raises
    ------
    KeyError
        Naming the streams that exist.
    """
    return by_name("stream", name, STREAMS)


def notice_stream(name: str) -> NoticeStream:
    """Return the stream of notices called ``name``.

    Raises
    ------
    KeyError
        Naming the streams that exist.
    """
    return by_name("stream", name, NOTICE_STREAMS)
