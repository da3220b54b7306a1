"""Catalogs as Parquet: one file, a directory of files, or HATS."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.catalogs.reading import reading
from pipeline.catalogs.record import LoadError

BATCH_ROWS = 131_072
_PROPERTIES = ("hats.properties", "properties")


def parquet_files(folder: Path) -> tuple[tuple[Path, ...], Mapping[str, str]]:
    """Return the Parquet files of a directory, and the position columns that it names.

    A HATS catalog keeps its rows under ``dataset/Norder=…``; what lies beside (thumbnail, margins,
    metadata) repeats rows and is left out.
    """
    collection = folder / "collection.properties"
    if collection.exists():
        folder = folder / _properties(collection).get("hats_primary_table_url", "")
    settings = next((folder / name for name in _PROPERTIES if (folder / name).exists()), None)
    hints: dict[str, str] = {}
    root = folder
    if settings is not None:
        stated = _properties(settings)
        kind = stated.get("dataproduct_type", stated.get("catalog_type", "object"))
        if kind not in {"object", "source"}:
            raise LoadError(f"{folder} is a HATS catalog of type {kind}; wanted: object or source")
        hints = {
            ours: stated[key]
            for ours, key in (("ra", "hats_col_ra"), ("dec", "hats_col_dec"))
            if key in stated
        }
        root = folder / "dataset"
    pattern = "Norder=*/**/*.parquet" if settings is not None else "**/*.parquet"
    files = sorted(
        path
        for path in root.glob(pattern)
        if path.is_file() and not any(p[0] in "._" for p in path.relative_to(root).parts)
    )
    if not files:
        raise LoadError(f"no Parquet file in {root}")
    return tuple(files), hints


def _properties(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines() if line[:1] != "#")
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


class ParquetSource:
    """Rows of some Parquet files, batch by batch."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        schema = _opened(files[0]).schema_arrow
        self.columns = tuple(schema.names)
        self.size = sum(_opened(file).metadata.num_rows for file in files)

    def batches(self, columns: Sequence[str]) -> Iterator[tuple[Any, int]]:
        """Yield Arrow tables of ``columns`` in that order, and the rows read after each."""
        done = 0
        for file in self._files:
            opened = _opened(file)
            lost = set(columns) - set(opened.schema_arrow.names)
            if lost:
                raise LoadError(f"{file} has no column {', '.join(sorted(lost))}")
            with reading(file):
                for batch in opened.iter_batches(BATCH_ROWS, columns=list(dict.fromkeys(columns))):
                    done += batch.num_rows
                    yield pa.Table.from_batches([batch]).select(list(columns)), done


def _opened(file: Path) -> Any:
    with reading(file):
        return pq.ParquetFile(file)
