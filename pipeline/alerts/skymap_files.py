"""Files of sky maps as strangers send them: bounded in size before and after they are unpacked."""

import io
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MAX_FITS_BYTES = 24 * 1024 * 1024

_GZIP = b"\x1f\x8b"
_FITS = b"SIMPLE"
_CHUNK_BYTES = 1 << 20


class SkyMapError(ValueError):
    """A file is no map or MOC that can be searched; the message says why."""


@contextmanager
def inflated(content: bytes, most_bytes: int) -> Iterator[Path]:
    """Yield a FITS file with the content, unpacked if it is gzipped.

    Parameters
    ----------
    content : bytes
        As it was sent.
    most_bytes : int
        Size of the unpacked file.

    Raises
    ------
    SkyMapError
        If it is too large, no gzip file, or unpacked no FITS file.
    """
    if len(content) > MAX_FITS_BYTES:
        raise SkyMapError(f"it has {len(content)} bytes; at most {MAX_FITS_BYTES}")
    with tempfile.NamedTemporaryFile(suffix=".fits") as file:
        if content.startswith(_GZIP):
            _gunzip(content, file, most_bytes)
        else:
            file.write(content)
        file.seek(0)
        # Astropy would unpack what is packed once more, and by other programs, without any limit.
        if file.read(len(_FITS)) != _FITS:
            raise SkyMapError("it is no FITS file")
        yield Path(file.name)


def _gunzip(content: bytes, file: Any, most_bytes: int) -> None:
    unpacker = zlib.decompressobj(wbits=31)
    stream, size = io.BytesIO(content), 0
    try:
        while piece := (unpacker.unconsumed_tail or stream.read(_CHUNK_BYTES)):
            unpacked = unpacker.decompress(piece, _CHUNK_BYTES)
            size += len(unpacked)
            if size > most_bytes:
                raise SkyMapError(
                    f"unpacked it has more than {most_bytes} bytes; send a multi-order map"
                )
            file.write(unpacked)
        file.write(unpacker.flush())
    except zlib.error as error:
        raise SkyMapError(f"it is no gzip file: {error}") from None
