"""A file as S3 shall have it: measured in one reading, before the first byte is sent."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

PART_BYTES = 8 * 2**20
"""What is larger travels in parts of this size; S3 takes none below 5 MiB but the last."""
MAX_PARTS = 10_000


class ChangedError(OSError):
    """A file has fewer bytes than it is known to have."""


@dataclass(frozen=True)
class Content:
    """The first bytes of a file, all of them unless it still grows.

    Attributes
    ----------
    path : Path
        Where it lies.
    length : int
        How much of it counts [bytes].
    sha256 : str
        Of these bytes, hexadecimal.
    part_bytes : int
        Of each part but the last.
    digests : tuple of bytes
        SHA-256 of each part; of a file in one part that of the whole.
    """

    path: Path
    length: int
    sha256: str
    part_bytes: int
    digests: tuple[bytes, ...]

    @property
    def checksum(self) -> str:
        """Return what S3 must call ``ChecksumSHA256``.

        Of an object that came in parts that is the SHA-256 of its parts' digests, with their
        number behind it.
        """
        if len(self.digests) == 1:
            return base64(self.digests[0])
        together = hashlib.sha256(b"".join(self.digests)).digest()
        return f"{base64(together)}-{len(self.digests)}"

    def part(self, number: int) -> bytes:
        """Return a part's bytes, numbered from 1.

        Raises
        ------
        ChangedError
            If they are not those that were measured.
        """
        start = (number - 1) * self.part_bytes
        with self.path.open("rb") as file:
            file.seek(start)
            found = file.read(min(self.part_bytes, self.length - start))
        if hashlib.sha256(found).digest() != self.digests[number - 1]:
            raise ChangedError(f"{self.path} changed while it was sent")
        return found


def measure(path: Path, length: int | None = None) -> Content:
    """Read a file once.

    Parameters
    ----------
    path : Path
        Where it lies.
    length : int, optional
        Only its first bytes, as of one that is still written; all when not given [bytes].

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ChangedError
        If it is shorter.
    """
    whole = hashlib.sha256()
    digests: list[bytes] = []
    with path.open("rb") as file:
        if length is None:
            length = path.stat().st_size
        part_bytes = max(PART_BYTES, -(-length // MAX_PARTS))
        left = length
        while left or not digests:
            piece = file.read(min(part_bytes, left))
            if len(piece) < min(part_bytes, left):
                raise ChangedError(f"{path} has {length - left + len(piece)} of {length} bytes")
            whole.update(piece)
            digests.append(hashlib.sha256(piece).digest())
            left -= len(piece)
    return Content(path, length, whole.hexdigest(), part_bytes, tuple(digests))


def base64(digest: bytes) -> str:
    """Return a digest as S3 writes it."""
    return b64encode(digest).decode()
