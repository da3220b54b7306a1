"""A bucket on a real S3, the credentials that it wants, and files of this host for it."""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from broker.archive import ArchiveSegment
from broker.config import config
from broker.db import transaction
from pipeline.selected.tables import OutputFile
from tests.standins.s3_server import KEY, SECRET, S3Server, s3_server

NIGHT = date(2026, 11, 22)
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
HOST = "here"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """Run an S3 with one empty bucket."""
    with s3_server() as server:
        yield server


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function that sets settings of S3."""

    def give(**settings: Any) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(f"NIGHTJAR_S3__{name.upper()}", str(value))
        config.cache_clear()

    yield give
    config.cache_clear()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder that output is written to; the archive lies beside it."""
    with monkeypatch.context() as patch:
        patch.setenv("NIGHTJAR_OUTPUT__ROOT", str(tmp_path / "out"))
        patch.setenv("NIGHTJAR_OUTPUT__HOST", HOST)
        patch.setenv("NIGHTJAR_ARCHIVE__PATH", str(tmp_path / "archive"))
        patch.setenv("NIGHTJAR_ARCHIVE__HOST", HOST)
        config.cache_clear()
        yield tmp_path / "out"
    config.cache_clear()


@pytest.fixture
def bucket(s3: S3Server, disk: Path, set_up: Callable[..., None]) -> S3Server:
    """Return the same server, named in the settings."""
    given = s3.settings()
    set_up(**given.model_dump(include=given.model_fields_set))
    return s3


def write(root: Path, path: str, content: bytes) -> dict[str, Any]:
    """Write a file and return what its row says of its content."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest()}


def make_file(root: Path, path: str, content: bytes, **given: Any) -> int:
    """Write a whole file of this host and its row; return its id."""
    values = {
        "host": HOST,
        "root": str(root),
        "kind": "cutout",
        "night": NIGHT,
        "length": len(content),
        "closed_at": NOW,
    }
    return _add(OutputFile(**write(root, path, content) | values | given))


def make_growing(root: Path, path: str, content: bytes, length: int) -> int:
    """Write a table whose first bytes are noted; return its id."""
    is_open = {"kind": "csv", "length": length, "sha256": None, "closed_at": None}
    return make_file(root, path, content, **is_open)


def make_segment(root: Path, survey: str, content: bytes, index: bytes = b"index") -> int:
    """Write a closed segment of the archive with its index; return its id."""
    path = f"{survey}/20261122/{HOST}-1-1.seg"
    write(root.parent / "archive", path.replace(".seg", ".idx"), index)
    values = write(root.parent / "archive", path, content)
    row = ArchiveSegment(
        **values, host=HOST, survey=survey, night=NIGHT, bytes=len(content), closed_at=NOW
    )
    return _add(row)


def change(root: Path, file_id: int, content: bytes) -> None:
    """Write other bytes in the place of a file, as whoever renders it again does."""
    with transaction() as session:
        row = session.get_one(OutputFile, file_id)
        values = write(root, row.path, content)
        row.sha256, row.length = values["sha256"], len(content)
        row.s3_state, row.confirmed_at = None, None


def row_of(session: Session, file_id: int) -> OutputFile:
    """Return a file's row as it is now."""
    session.expire_all()
    return session.get_one(OutputFile, file_id)


def _add(row: Any) -> int:
    with transaction() as session:
        session.add(row)
        session.flush()
        return int(row.id)
