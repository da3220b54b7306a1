"""Where the native parts keep their state, and how private files are written there."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder."""


class NativeError(Exception):
    """Something a person must mend; the message says what and how."""


@dataclass(frozen=True)
class Home:
    """The folder of one set of parts, ``.nightjar`` unless ``NIGHTJAR_HOME`` says otherwise.

    Attributes
    ----------
    path : Path
        Absolute.
    """

    path: Path

    @classmethod
    def named(cls, text: str) -> "Home":
        """Return the home called ``text``, relative to the project."""
        return cls((ROOT / text).absolute())

    @property
    def run(self) -> Path:
        """Folder of the records of running processes."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """Folder of what the parts write."""
        return self.path / "logs"

    def make(self) -> None:
        """Make the folders that every part needs."""
        for folder in (self.path, self.run, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one ``up`` or ``down`` at a time work on this home."""
        self.make()
        with (self.run / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that only the owner can read it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    draft.replace(path)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last ``count`` lines of a log; none when there is no such file."""
    if not path.exists():
        return []
    return path.read_text(errors="replace").splitlines()[-count:]
