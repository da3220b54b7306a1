"""What a backup says of itself, written last; and the proof that its files are what it says."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from broker.backup.errors import BackupError
from broker.secrets_box import SealError, open_sealed, seal

FORMAT = 1
NAME = "manifest.json"
DATABASE = "database.dump"
SEGMENTS = "archive.jsonl"
READ_BYTES = 2**20
_CHECKED = b"nightjar: whoever opens this has the keys of this backup's sealed rows"


@dataclass(frozen=True)
class File:
    """A file of a backup."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """All that a restore must know beside the rows.

    Attributes
    ----------
    taken_at : str
        When the rows were read, ISO 8601 in UTC.
    commit : str
        Of the code, where it is known.
    server_major : int
        PostgreSQL's version.
    database_bytes : int
        Size of the database on its server [bytes].
    people, streams : list of str
        Newest migrations of Django and of Alembic.
    key_check : str
        Sealed with the first of ``web.fernet_keys``: tells whether a machine has the key, not what
        the key is.
    rows : dict
        Rows of each table.
    files : dict
        Files beside the manifest by name.
    archive : dict
        ``segments`` and ``bytes`` of raw packets that the rows speak of; listed in archive.jsonl.
    readings : list of dict
        How far each consumer group had read before the rows were read.
    """

    taken_at: str
    commit: str
    server_major: int
    database_bytes: int
    people: list[str]
    streams: list[str]
    key_check: str
    rows: Mapping[str, int]
    files: Mapping[str, File] = field(default_factory=dict)
    archive: Mapping[str, int] = field(default_factory=dict)
    readings: list[dict[str, Any]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write it durably into the folder of its files."""
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        with (folder / NAME).open("w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())


def key_check() -> str:
    """Return what only our own keys open."""
    return seal(_CHECKED).decode()


def read(folder: Path) -> Manifest:
    """Return what the backup in ``folder`` says.

    Raises
    ------
    BackupError
        If there is none, or it is torn, unreadable or of another format.
    """
    try:
        said = json.loads((folder / NAME).read_text())
        if said.pop("format") != FORMAT:
            raise BackupError(f"{folder} has another format than {FORMAT}: use the code it is of")
        files = {name: File(**each) for name, each in said.pop("files").items()}
        return Manifest(files=files, **said)
    except FileNotFoundError:
        if not folder.is_dir():
            raise BackupError(f"there is no folder {folder}; manage.py backup --list") from None
        raise BackupError(f"{folder} holds no {NAME}: no backup, or one that never ended") from None
    except NotADirectoryError:
        raise BackupError(f"{folder} is a file: name the folder of a backup") from None
    except OSError as error:
        raise BackupError(f"{folder / NAME} cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupError(f"{folder / NAME} is damaged: {error!r}") from None


def check_files(folder: Path, manifest: Manifest) -> None:
    """Read every file of a backup and compare it with the manifest.

    Raises
    ------
    BackupError
        Naming the file that is missing, torn or changed.
    """
    for name, wanted in manifest.files.items():
        path = folder / name
        if not path.is_file():
            raise BackupError(f"{path} is missing")
        if (size := path.stat().st_size) != wanted.bytes:
            raise BackupError(f"{path} has {size} bytes instead of {wanted.bytes}: torn")
        if measured(path).sha256 != wanted.sha256:
            raise BackupError(f"{path} is damaged: its SHA-256 is another one")


def check_key(manifest: Manifest) -> None:
    """Return if this machine has the key of the backup's sealed rows.

    Raises
    ------
    BackupError
        Saying what is missing.
    """
    try:
        open_sealed(manifest.key_check.encode())
    except SealError:
        raise BackupError(
            "the sealed rows of this backup open with another key: give web.fernet_keys (where it"
            " was empty: web.secret_key) of the installation that made it; keys are never in a"
            " backup (docs/backup.md)"
        ) from None


def measured(path: Path) -> File:
    """Return size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
            size += len(piece)
    return File(size, digest.hexdigest())
