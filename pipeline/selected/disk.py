"""Files that are whole or absent, whenever the process or the machine ends."""

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

import structlog

PART = ".part"
"""Ends the name of a file that is not whole yet."""

log = structlog.get_logger(__name__)


class Written(NamedTuple):
    """What was put on disk."""

    path: str
    """Relative to the root."""
    length: int
    sha256: str


def write_whole(root: Path, path: str, content: bytes) -> Written:
    """Write a file under another name, let it reach the disk, then give it its own.

    The folder must reach the disk too before anybody is told: ``sync_folders``.

    Parameters
    ----------
    root : Path
        Folder of the output.
    path : str
        Relative to it.
    content : bytes
        Of the whole file; one of that name is replaced.
    """
    file = place(root, path)
    draft = file.with_name(f"{file.name}{PART}")
    with _opened(draft) as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)
    return Written(path, len(content), hashlib.sha256(content).hexdigest())


def _opened(file: Path) -> BinaryIO:
    """Open a new file; its folder is made where that shows that there is none."""
    try:
        return file.open("wb")
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        return file.open("wb")


def append(root: Path, path: str, length: int, content: bytes) -> None:
    """Make a file ``length`` bytes long, then add ``content`` durably.

    What lies behind ``length`` was written by somebody who died before it was noted.

    Raises
    ------
    ShorterError
        If the file has fewer bytes.
    """
    file = place(root, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    is_new = not file.exists()
    with file.open("ab") as out:
        found = os.fstat(out.fileno()).st_size
        if found < length:
            raise ShorterError(f"{file} has {found} bytes, not the {length} that were written")
        out.truncate(length)
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    if is_new:
        sync_folders([file.parent])


def append_mending(
    root: Path, path: str, length: int, content: bytes, made_again: Callable[[], bytes]
) -> tuple[int, bool]:
    """Add ``content`` as ``append`` does; a file that lost bytes is first made again.

    Parameters
    ----------
    root, path, length, content
        As those of ``append``.
    made_again : callable
        Returns what the file ought to hold before; of another length than was noted, if what it
        is made from has changed since.

    Returns
    -------
    tuple of int and bool
        The file's length then, and whether it had lost bytes.
    """
    is_mended = False
    try:
        append(root, path, length, content)
    except ShorterError as error:
        log.error("output.file_damaged", error=str(error))  # noqa: TRY400 no trace: it says all
        whole = made_again()
        length = write_whole(root, path, whole).length
        append(root, path, length, content)
        is_mended = True
    return length + len(content), is_mended


class ShorterError(OSError):
    """A file lost bytes that were on disk once."""


def sync_folders(folders: Iterable[Path]) -> None:
    """Let the names in these folders reach the disk."""
    for folder in sorted(set(folders)):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sum_up(path: str, pieces: Iterable[bytes]) -> Written:
    """Return what a file of these pieces would be."""
    digest, length = hashlib.sha256(), 0
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
    return Written(path, length, digest.hexdigest())


def look_up(root: Path, path: str) -> Written | None:
    """Return what a file is, None where it is not there."""
    with suppress(FileNotFoundError), place(root, path).open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        return Written(path, content.tell(), sha256)
    return None


def read(root: Path, path: str) -> bytes | None:
    """Return a file's content, None where it is not there."""
    with suppress(FileNotFoundError):
        return place(root, path).read_bytes()
    return None


def remove(root: Path, path: str) -> bool:
    """Remove a file; return whether it was there."""
    try:
        place(root, path).unlink()
    except FileNotFoundError:
        return False
    return True


def place(root: Path, path: str) -> Path:
    """Return where a file lies.

    Raises
    ------
    ValueError
        If that is not below the root.
    """
    below = PurePosixPath(path)
    if below.is_absolute() or ".." in below.parts:
        raise ValueError(f"{path} is not below {root}")
    return root / below
