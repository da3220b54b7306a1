"""Packets of kilobytes whose images are megabytes: what is held at once, and that none is lost."""

import gzip
import io
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from sqlalchemy import select

from pipeline.selected import reception, writer
from pipeline.selected.tables import OutputFile, SelectedAlert
from tests.integration.selected.world import Consumer, counts, packet, received, tree

pytestmark = pytest.mark.integration
MIB = 2**20
ALERTS = 12


def swollen(value: float) -> bytes:
    """Return a whole image of 2 MiB."""
    out = io.BytesIO()
    fits.PrimaryHDU(np.full((512, 1024), value, np.float32)).writeto(out)
    return out.getvalue()


IMAGES = {
    f"cutout{kind}": swollen(value)
    for value, kind in enumerate(("Science", "Template", "Difference"))
}
MESSAGES = [
    packet(number, **{name: gzip.compress(image) for name, image in IMAGES.items()})
    for number in range(ALERTS)
]


@pytest.fixture
def little(monkeypatch):
    """Let a batch hold 8 MiB of images, and let 8 MiB of them be written at once."""
    monkeypatch.setattr(reception, "IMAGES_BYTES", 8 * MIB)
    monkeypatch.setattr(writer, "PIECE_BYTES", 8 * MIB)


def peak_bytes(deed) -> int:
    tracemalloc.start()
    try:
        deed()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def all_is_there(session, root) -> bool:
    session.expire_all()
    states = {
        state
        for one in session.scalars(select(SelectedAlert))
        for state in (one.science_state, one.template_state, one.difference_state)
    }
    noted = session.scalars(select(OutputFile.path).where(OutputFile.kind == "cutout")).all()
    found = {path: content for path, content in tree(root).items() if path.endswith(".fits")}
    shown = sorted(found.values()) == sorted([*IMAGES.values()] * ALERTS)
    return states == {"present"} and shown and sorted(found) == sorted(noted)


def test_a_batch_that_swells_is_written_within_its_room(session, root, little):
    assert sum(map(len, MESSAGES)) < MIB
    taker = Consumer()

    peak = peak_bytes(lambda: taker.work(received(*MESSAGES)))

    assert peak < 36 * MIB, "8 held, 10 on their way to the disk, 6 of one packet and as it grows"
    assert all_is_there(session, root)
    assert counts(session) == [(ALERTS, ALERTS, 0, 0, 0)]


def test_what_a_dead_process_left_is_written_within_the_same_room(session, root, little):
    Consumer().reception.take(received(*MESSAGES))
    heir = Consumer()

    peak = peak_bytes(lambda: heir.writer.write({}))

    assert peak < 36 * MIB
    assert all_is_there(session, root)
