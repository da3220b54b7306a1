"""The three small images in a packet."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from broker.avro import UnreadableError
from broker.avro_schema import SchemaUnreachableError
from pipeline.surveys import survey as survey_named
from pipeline.surveys.packets import CUTOUTS
from pipeline.surveys.rows import image_bytes
from pipeline.surveys.ztf import PUBLIC_PROGRAMID


class Cutouts(NamedTuple):
    """Science, template and difference image, as the packet has them; empty where it has none.

    ZTF's are gzipped FITS files, Rubin's plain ones.
    """

    science: bytes
    template: bytes
    difference: bytes


def read_cutouts(survey: str, packet: bytes) -> Cutouts:
    """Return the cutouts of a packet of a survey; none of one that cannot be read any more.

    A packet that once decoded does so still, but for a schema that an operator forbade since.
    """
    try:
        record = survey_named(survey).read(packet)
    except (UnreadableError, SchemaUnreachableError):
        return Cutouts(b"", b"", b"")
    return Cutouts(*(image_bytes(record.get(name)) for name in CUTOUTS))


def is_wholly_public(survey: str, packet: bytes) -> bool:
    """Return whether a packet may leave as it is: nothing in its history is of a private program.

    A public alert's packet may carry points of others; only their programid says so.
    """
    try:
        record = survey_named(survey).read(packet)
    except (UnreadableError, SchemaUnreachableError):
        return False
    if survey != "ztf":
        return True
    rows = [record["candidate"], *_rows(record, "prv_candidates"), *_rows(record, "fp_hists")]
    return all(row.get("programid") == PUBLIC_PROGRAMID for row in rows)


def _rows(record: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    return record.get(name) or ()
