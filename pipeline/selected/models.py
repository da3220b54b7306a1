"""Mirrors of what the consumers of selected alerts wrote; nothing here writes."""

from broker.archive import S3_STATES
from broker.choices import words_of
from broker.mirror import Mirror, mirror
from pipeline.selected import tables

Selection: type[Mirror] = mirror(
    tables.Selection, "Selection", __name__, verbose_name="selection", title="name"
)

OutputFile: type[Mirror] = mirror(
    tables.OutputFile,
    "OutputFile",
    __name__,
    verbose_name="output file",
    title="path",
    links={"selection_id": "Selection"},
    choices={"kind": words_of(tables.FILE_KINDS), "s3_state": words_of(S3_STATES)},
)

SelectedAlert: type[Mirror] = mirror(
    tables.SelectedAlert,
    "SelectedAlert",
    __name__,
    verbose_name="selected alert",
    title="alert_id",
    links={
        "selection_id": "Selection",
        "source_id": "Source",
        "file_id": "OutputFile",
        "archive_segment_id": "ArchiveSegment",
    },
    choices={f"{kind}_state": words_of(tables.CUTOUT_STATES) for kind in tables.CUTOUT_KINDS},
)

SelectedRun: type[Mirror] = mirror(
    tables.SelectedRun,
    "SelectedRun",
    __name__,
    verbose_name="run of selected alerts",
    links={"selection_id": "Selection"},
    choices={"kind": words_of(tables.RUN_KINDS), "state": words_of(tables.RUN_STATES)},
)

RetentionRun: type[Mirror] = mirror(
    tables.RetentionRun,
    "RetentionRun",
    __name__,
    verbose_name="run of retention",
    choices={"state": words_of(tables.RUN_STATES)},
)
