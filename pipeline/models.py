"""Mirrors: what the streams wrote, readable through Django; nothing here writes.

Those of GW follow-up, of Lasair, of selected alerts and of telescopes are in ``models`` of their
flows; Django finds them because they are named here.
"""

from broker import attempts, dead_letters
from broker.archive import ArchiveSegment as ArchiveSegmentTable
from broker.choices import words_of
from broker.mirror import Mirror, mirror
from broker.ranges import replay_tables as replays
from broker.ranges import switch_tables as switches
from broker.ranges import tables as ranges
from broker.sections.telescope import STREAM as TELESCOPE
from pipeline.alerts import tables as alerts
from pipeline.gw import models as _gw  # noqa: F401 Django knows a model once it is imported
from pipeline.lasair import models as _lasair  # noqa: F401 for the same reason
from pipeline.s3 import models as _s3  # noqa: F401 for the same reason
from pipeline.selected import models as _selected  # noqa: F401 for the same reason
from pipeline.selected import sources
from pipeline.telescope import models as _telescope  # noqa: F401 for the same reason
from pipeline.topics import LASAIR, NOTICE_STREAMS, RANGE_STREAMS, STREAMS
from pipeline.user_filters import models as _filters  # noqa: F401 for the same reason

SERIES_NAMES = ("detection", "limit", "forced")

_SURVEYS = tuple((stream.survey, stream.survey.upper()) for stream in STREAMS)
_STREAMS = words_of(stream.name for stream in STREAMS)
_IN_RANGES = words_of(stream.name for stream in RANGE_STREAMS)
_NOTICES = words_of(stream.name for stream in NOTICE_STREAMS)
_SOURCES = words_of((*sources.names(), LASAIR, TELESCOPE))
_CLASSES = words_of(("stellar", "hosted", "hostless", "unknown"))
_BANDS = words_of("ugrizy")

Source: type[Mirror] = mirror(
    ranges.Source, "Source", __name__, verbose_name="source", title="topic"
)

ArchiveSegment: type[Mirror] = mirror(
    ArchiveSegmentTable,
    "ArchiveSegment",
    __name__,
    verbose_name="archive segment",
    title="path",
    choices={"survey": (*_SURVEYS, *_NOTICES, *_SOURCES)},
)

SkyObject: type[Mirror] = mirror(
    alerts.SkyObject,
    "SkyObject",
    __name__,
    verbose_name="object",
    title="object_id",
    links={"survey_match_id": "SkyObject"},
    choices={"survey": _SURVEYS},
)

Alert: type[Mirror] = mirror(
    alerts.Alert,
    "Alert",
    __name__,
    verbose_name="alert",
    title="candid",
    links={
        "source_id": "Source",
        "object_id": "SkyObject",
        "survey_match_id": "SkyObject",
        "archive_segment_id": "ArchiveSegment",
    },
    choices={"survey": _SURVEYS, "alert_class": _CLASSES, "band": _BANDS},
)

LightCurve: type[Mirror] = mirror(
    alerts.LightCurve,
    "LightCurve",
    __name__,
    verbose_name="light curve",
    links={"object_id": "SkyObject"},
    choices={"series": tuple(enumerate(SERIES_NAMES))},
)

AlertDuplicate: type[Mirror] = mirror(
    alerts.AlertDuplicate,
    "AlertDuplicate",
    __name__,
    verbose_name="duplicate",
    links={"source_id": "Source", "alert_id": "Alert"},
)

StreamGap: type[Mirror] = mirror(
    alerts.StreamGap,
    "StreamGap",
    __name__,
    verbose_name="gap",
    links={"source_id": "Source"},
)

DeadLetter: type[Mirror] = mirror(
    dead_letters.DeadLetter,
    "DeadLetter",
    __name__,
    verbose_name="dead letter",
    links={"source_id": "Source", "archive_segment_id": "ArchiveSegment"},
    choices={
        "stream": (*_IN_RANGES, *_NOTICES, *_SOURCES),
        "reason": words_of(dead_letters.REASONS),
        "state": words_of(dead_letters.STATES),
    },
    permissions=(("operate_deadletter", "Can retry and ignore dead letters"),),
)

MessageAttempt: type[Mirror] = mirror(
    attempts.MessageAttempt,
    "MessageAttempt",
    __name__,
    verbose_name="message in reading",
    links={"source_id": "Source"},
)

Stream: type[Mirror] = mirror(
    ranges.Stream,
    "Stream",
    __name__,
    verbose_name="stopped stream",
    title="name",
    permissions=(("operate_stream", "Can let stopped streams run again"),),
)

StreamPartition: type[Mirror] = mirror(
    ranges.StreamPartition,
    "StreamPartition",
    __name__,
    verbose_name="partition",
    choices={"stream": _IN_RANGES},
)

StreamRange: type[Mirror] = mirror(
    ranges.StreamRange,
    "StreamRange",
    __name__,
    verbose_name="range",
    choices={"stream": _IN_RANGES, "state": words_of(ranges.RANGE_STATES)},
)

Replay: type[Mirror] = mirror(
    replays.Replay,
    "Replay",
    __name__,
    verbose_name="replay",
    choices={"stream": _IN_RANGES, "state": words_of(replays.REPLAY_STATES)},
)

ReplayPlace: type[Mirror] = mirror(
    replays.ReplayPlace,
    "ReplayPlace",
    __name__,
    verbose_name="replay's partition",
    links={
        "replay_id": "Replay",
        "source_id": "Source",
        "letter_id": "DeadLetter",
        "archive_segment_id": "ArchiveSegment",
    },
)

StreamSwitch: type[Mirror] = mirror(
    switches.StreamSwitch,
    "StreamSwitch",
    __name__,
    verbose_name="kill switch",
    title="stream",
    choices={"stream": _STREAMS},
    permissions=(("operate_streamswitch", "Can hold a stream's messages back and let them go"),),
)

HeldRange: type[Mirror] = mirror(
    switches.HeldRange,
    "HeldRange",
    __name__,
    verbose_name="held range",
    links={"source_id": "Source"},
    choices={"stream": _STREAMS},
)
