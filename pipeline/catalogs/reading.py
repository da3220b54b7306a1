"""What the libraries behind a catalog's file raise for a broken one, as one clear error."""

import csv
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from astropy.io import fits

from pipeline.catalogs.record import LoadError

_BROKEN = (
    *(OSError, EOFError, MemoryError, RecursionError, NotImplementedError),
    *(ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError),
    *(csv.Error, zlib.error, pa.ArrowException, fits.VerifyError),
)
"""Astropy and Arrow promise nothing about damaged files; found by fuzzing them."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise LoadError, naming the file, for whatever it makes a reader raise."""
    try:
        yield
    except _BROKEN as error:
        said = " ".join(str(error).split())[:300]
        raise LoadError(f"{path} cannot be read: {said or type(error).__name__}") from error
