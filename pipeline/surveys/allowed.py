"""The allow-list: fingerprints of the writer schemas that ZTF packets may come with."""

import json
import tomllib
from pathlib import Path

ALLOWED_SCHEMAS = Path(__file__).resolve().parent.parent / "schemas" / "allowed.toml"


class AllowList:
    """Fingerprints in one TOML file; the file is read again when it has changed.

    Parameters
    ----------
    path : Path
        A file with one table ``schemas`` of fingerprint = note, the last in it.
    """

    def __init__(self, path: Path = ALLOWED_SCHEMAS) -> None:
        self._path = path
        self._read_at_ns = -1
        self._notes: dict[str, str] = {}

    def __contains__(self, fingerprint: str) -> bool:
        # Only a miss looks at the file, so that a running worker learns of a new entry.
        return fingerprint in self._notes or fingerprint in self.notes()

    def notes(self) -> dict[str, str]:
        """Return the note of every allowed fingerprint."""
        changed_at_ns = self._path.stat().st_mtime_ns
        if changed_at_ns != self._read_at_ns:
            self._notes = tomllib.loads(self._path.read_text())["schemas"]
            self._read_at_ns = changed_at_ns
        return self._notes

    def add(self, fingerprint: str, note: str) -> bool:
        """Append a fingerprint; False, and no change, when it is there already."""
        if fingerprint in self:
            return False
        line = f"{json.dumps(fingerprint)} = {json.dumps(' '.join(note.split()))}\n"
        new = self._path.with_suffix(".new")
        new.write_text(self._path.read_text() + line)
        new.replace(self._path)  # a worker that reads now sees the old list or the new one
        return True
