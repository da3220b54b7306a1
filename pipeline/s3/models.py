"""Mirrors of what is known of the copies on S3; nothing here writes."""

from broker.choices import words_of
from broker.mirror import Mirror, mirror
from pipeline import ledger
from pipeline.s3 import tables

S3Upload: type[Mirror] = mirror(
    tables.S3Upload,
    "S3Upload",
    __name__,
    verbose_name="object on S3",
    title="key",
    links={"file_id": "OutputFile", "segment_id": "ArchiveSegment"},
    choices={"state": words_of(ledger.STATES)},
)

S3Sync: type[Mirror] = mirror(
    tables.S3Sync,
    "S3Sync",
    __name__,
    verbose_name="look for S3",
    choices={"reason": words_of(tables.REASONS)},
)
