"""Images of an alert as files: FITS as it came, unpacked, and a picture; whole or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy.orm import Session

from pipeline.lasair.day_files import Place
from pipeline.lasair.message import utc_text
from pipeline.lasair.png import png
from pipeline.selected import disk, files
from pipeline.selected.cutouts import cutout
from pipeline.selected.disk import Written
from pipeline.surveys.images import read_pixels

FOLDER = "images/by_date"
FILE_KIND = "image"


@dataclass(frozen=True)
class Image:
    """One image, as far as it can be used.

    Attributes
    ----------
    kind : str
        science, template or difference.
    state : str
        present, absent or broken.
    fits, png : bytes
        What is written; empty unless present.
    """

    kind: str
    state: str
    fits: bytes = b""
    png: bytes = b""


def kept(kind: str, raw: bytes) -> Image:
    """Return an image from the bytes that came; empty bytes are none."""
    found = cutout(raw)
    if found.state != "present":
        return Image(kind, found.state)
    pixels = read_pixels(found.fits)
    if pixels is None:
        return Image(kind, "broken")
    return Image(kind, "present", found.fits, png(pixels))


def stem(object_id: str, detected_at: datetime, kind: str) -> str:
    """Return where an image lies below the root, without its ending."""
    utc = utc_text(detected_at).replace(":", "-").replace(" ", "T")
    return f"{FOLDER}/{detected_at:%Y-%m-%d}/{object_id}_{utc}_{kind}"


def write(object_id: str, detected_at: datetime, images: Sequence[Image]) -> list[Written]:
    """Write the images that are present; the same ones again are the same files."""
    root = Place.ours().path
    written = []
    for image in images:
        if image.state == "present":
            place = stem(object_id, detected_at, image.kind)
            written.append(disk.write_whole(root, f"{place}.fits", image.fits))
            written.append(disk.write_whole(root, f"{place}.png", image.png))
    disk.sync_folders({disk.place(root, each.path).parent for each in written})
    return written


def note(session: Session, day: date, written: Sequence[Written]) -> None:
    """Note files that are whole on disk."""
    files.note_written(session, Place.ours(), FILE_KIND, day, written, datetime.now(UTC))
