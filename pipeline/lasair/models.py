"""Mirrors of what Lasair's filters sent, and of the images asked for it; nothing here writes."""

from broker.choices import words_of
from broker.mirror import Mirror, mirror
from pipeline import ledger
from pipeline.lasair import tables

LasairAlert: type[Mirror] = mirror(
    tables.LasairAlert,
    "LasairAlert",
    __name__,
    verbose_name="alert of Lasair",
    title="object_id",
    links={"source_id": "Source", "file_id": "OutputFile"},
)

StampRequest: type[Mirror] = mirror(
    tables.StampRequest,
    "StampRequest",
    __name__,
    verbose_name="request for images",
    title="object_id",
    choices={
        "state": words_of(ledger.STATES),
        "place": words_of(tables.PLACES),
        **{f"{kind}_state": words_of(tables.IMAGE_STATES) for kind in tables.IMAGE_KINDS},
    },
)
