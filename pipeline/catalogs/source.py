"""A catalog on disk: CSV, FITS table, Parquet file, directory of Parquet, or HATS catalog."""

import gzip
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipeline.catalogs.read_csv import CsvSource
from pipeline.catalogs.read_fits import FitsSource
from pipeline.catalogs.read_parquet import ParquetSource, parquet_files
from pipeline.catalogs.reading import reading
from pipeline.catalogs.record import LoadError

_HASH_BLOCK_BYTES = 4 << 20
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Format:
    """How text files are written; the other formats say it themselves.

    Attributes
    ----------
    separator : str
        Between the cells of a CSV; empty chooses tab for ``.tsv``, else comma.
    encoding : str
        Of a CSV's text.
    """

    separator: str = ""
    encoding: str = "utf-8"


class Source(Protocol):
    """An opened catalog, read once from front to back."""

    columns: tuple[str, ...]
    size: int
    """Amount of work, in the source's own measure (rows or bytes)."""

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[Any, int]]:
        """Yield Arrow tables of ``columns`` in that order, and the work done after each."""
        ...


@dataclass(frozen=True)
class Place:
    """Where a catalog lies.

    Attributes
    ----------
    path : Path
        As given.
    files : tuple of Path
        What is read, in order.
    hints : mapping of str to str
        Columns that the catalog itself names as our ``ra`` and ``dec`` (HATS).
    """

    path: Path
    files: tuple[Path, ...]
    hints: Mapping[str, str] = field(default_factory=dict)

    def sha256(self) -> str:
        """Return the digest of the file, or of names and contents in a directory."""
        digest = hashlib.sha256()
        for file in self.files:
            if file != self.path:
                digest.update(str(file.relative_to(self.path)).encode() + b"\0")
            with file.open("rb") as opened:
                while block := opened.read(_HASH_BLOCK_BYTES):
                    digest.update(block)
        return digest.hexdigest()


def find(path: Path) -> Place:
    """Return the files that make up the catalog at ``path``."""
    if path.is_dir():
        files, hints = parquet_files(path)
        return Place(path, files, hints)
    if not path.is_file():
        raise LoadError(f"{path} is neither a file nor a directory")
    if path.stat().st_size == 0:
        raise LoadError(f"{path} is empty")
    return Place(path, (path,))


def open_source(place: Place, form: Format) -> Source:
    """Open the catalog, in the format that its first bytes tell."""
    with reading(place.path):
        return _open(place, form)


def _open(place: Place, form: Format) -> Source:
    with place.files[0].open("rb") as opened:
        magic = opened.read(8)
    if magic[:2] == _GZIP:
        with gzip.open(place.files[0]) as unpacked:
            magic = unpacked.read(8)
    if magic[:4] == b"PAR1":
        return ParquetSource(place.files)
    if magic[:6] == b"SIMPLE":
        return FitsSource(place.path)
    if magic == b"\x89HDF\r\n\x1a\n":
        raise LoadError(f"{place.path} is HDF5, which is not read here; write it as Parquet")
    separator = form.separator or ("\t" if ".tsv" in place.path.name else ",")
    return CsvSource(place.path, separator, form.encoding)
