"""The three small images in a packet."""

from typing import NamedTuple

from broker.avro import UnreadableError
from broker.avro_schema import SchemaUnreachableError
from pipeline.surveys import survey as survey_named
from pipeline.surveys.packets import CUTOUTS, image_bytes


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
