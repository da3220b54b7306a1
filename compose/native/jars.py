"""Jars of Kafka and of Kafka Connect: resolved by Maven from pinned POMs, compared with locks."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compose.native.home import ROOT, NativeError
from compose.native.java import java
from compose.native.packages import install

FOLDER = ROOT / "compose" / "kafka"
LIBS = ROOT / ".nightjar" / "kafka" / "libs"
"""Of the project, whatever the home: the lock is the project's too."""
ADVICE = "sudo apt-get install openjdk-17-jre-headless maven, or docker compose up"


@dataclass(frozen=True)
class Jars:
    """What one POM names.

    Attributes
    ----------
    title : str
        For people.
    folder : Path
        With ``pom.xml`` and ``jars.lock``.
    libs : Path
        Where the jars lie.
    """

    title: str
    folder: Path
    libs: Path

    @property
    def pom(self) -> Path:
        """What Maven resolves."""
        return self.folder / "pom.xml"

    @property
    def lock(self) -> Path:
        """Each jar with its digest."""
        return self.folder / "jars.lock"


KAFKA = Jars("Kafka", FOLDER, LIBS)


def ensure(wanted: Jars = KAFKA) -> Path:
    """Return the folder of exactly the locked jars, resolving them when they are not there."""
    libs, locked = wanted.libs, read_lock(wanted)
    libs.parent.mkdir(parents=True, exist_ok=True)
    with (libs.parent / f"{libs.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a demo and a test run may want them at once
        if {jar.name for jar in libs.glob("*.jar")} != {jar_name(word) for word in locked}:
            resolve(wanted)
        verify(libs, locked)
    return libs


def resolve(wanted: Jars) -> None:
    """Let Maven copy the jars into an empty folder."""
    print(f"resolving {wanted.title}'s jars with Maven into {wanted.libs} (once)")
    shutil.rmtree(wanted.libs, ignore_errors=True)
    wanted.libs.mkdir(parents=True)
    words = ("dependency:copy-dependencies", f"-DoutputDirectory={wanted.libs}")
    maven(*words, pom=wanted.pom)


def verify(target: Path, locked: dict[str, str]) -> None:
    """Compare the jars with their lock.

    Raises
    ------
    NativeError
        Naming the jar that differs, is missing, or is not in the lock.
    """
    found = {jar.name: sha256(jar) for jar in target.glob("*.jar")}
    for coordinate, wanted in locked.items():
        name = jar_name(coordinate)
        if name not in found:
            raise NativeError(f"{name} is missing from {target}; delete that folder and try again")
        if found.pop(name) != wanted:
            raise NativeError(
                f"{name} ({coordinate}) in {target} is not the one of jars.lock: do not run it; "
                "delete that folder, resolve again, and ask why if it still differs"
            )
    if found:
        raise NativeError(f"{', '.join(sorted(found))} in {target} not in jars.lock")


def write_lock(wanted: Jars = KAFKA) -> int:
    """Resolve anew, write ``jars.lock`` and return how many jars it holds."""
    resolve(wanted)
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as listing:
        maven("dependency:list", f"-DoutputFile={listing.name}", pom=wanted.pom)
        words = re.findall(r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):", listing.read(), re.MULTILINE)
    coordinates = sorted(":".join(word) for word in words)
    lines = [f"{word} {sha256(wanted.libs / jar_name(word))}\n" for word in coordinates]
    wanted.lock.write_text("".join(lines))
    return len(lines)


def read_lock(wanted: Jars = KAFKA) -> dict[str, str]:
    """Return SHA-256 by coordinate (group:artifact:version)."""
    lines = wanted.lock.read_text().splitlines() if wanted.lock.exists() else []
    return dict(map(str.split, lines))


def jar_name(coordinate: str) -> str:
    """Return the file of a coordinate."""
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def sha256(path: Path) -> str:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_maven() -> str | None:
    """Return Maven's program."""
    return shutil.which("mvn")


def maven(*words: str, pom: Path = FOLDER / "pom.xml") -> None:
    """Run Maven's goals on one of our POMs; NativeError with its last words when it fails."""
    if not find_maven():
        try:
            install("maven")
        except NativeError:
            raise NativeError(f"Kafka's jars and the registry need Maven; run: {ADVICE}") from None
    done = subprocess.run(
        [find_maven() or "mvn", "-B", "-q", "-f", str(pom), *words],
        env={**os.environ, "JAVA_HOME": str(java().resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise NativeError(f"Maven could not do {words[0]} (a network is needed once):\n{said}")
