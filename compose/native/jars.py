"""Kafka's jars: resolved by Maven from the pinned POM, compared with ``jars.lock``."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from compose.native.home import ROOT, NativeError
from compose.native.java import java
from compose.native.packages import install

FOLDER = ROOT / "compose" / "kafka"
POM = FOLDER / "pom.xml"
LOCK = FOLDER / "jars.lock"
LIBS = ROOT / ".nightjar" / "kafka" / "libs"
"""Of the project, whatever the home: the lock is the project's too."""
ADVICE = "sudo apt-get install openjdk-17-jre-headless maven, or docker compose up"


def ensure() -> Path:
    """Return the folder of exactly the locked jars, resolving them when they are not there."""
    LIBS.parent.mkdir(parents=True, exist_ok=True)
    locked = read_lock()
    with (LIBS.parent / "libs.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # a demo and a test run may want them at once
        if {jar.name for jar in LIBS.glob("*.jar")} != {jar_name(word) for word in locked}:
            resolve(LIBS)
        verify(LIBS, locked)
    return LIBS


def resolve(target: Path) -> None:
    """Let Maven copy the jars into an empty ``target``."""
    print(f"resolving Kafka's jars with Maven into {target} (once)")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    maven("dependency:copy-dependencies", f"-DoutputDirectory={target}")


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
                f"{name} ({coordinate}) in {target} is not the one of {LOCK.name}: do not run it; "
                "delete that folder, resolve again, and ask why if it still differs"
            )
    if found:
        raise NativeError(f"{', '.join(sorted(found))} in {target} not in {LOCK.name}")


def write_lock() -> int:
    """Resolve anew, write ``jars.lock`` and return how many jars it holds."""
    resolve(LIBS)
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as listing:
        maven("dependency:list", f"-DoutputFile={listing.name}")
        words = re.findall(r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):", listing.read(), re.MULTILINE)
    coordinates = sorted(":".join(word) for word in words)
    lines = [f"{word} {sha256(LIBS / jar_name(word))}\n" for word in coordinates]
    LOCK.write_text("".join(lines))
    return len(lines)


def read_lock() -> dict[str, str]:
    """Return SHA-256 by coordinate (group:artifact:version)."""
    lines = LOCK.read_text().splitlines() if LOCK.exists() else []
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


def maven(*words: str) -> None:
    """Run Maven's goals on our POM; NativeError with its last words when it fails."""
    if not find_maven():
        try:
            install("maven")
        except NativeError:
            raise NativeError(f"Kafka's jars and the registry need Maven; run: {ADVICE}") from None
    done = subprocess.run(
        [find_maven() or "mvn", "-B", "-q", "-f", str(POM), *words],
        env={**os.environ, "JAVA_HOME": str(java().resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise NativeError(f"Maven could not do {words[0]} (a network is needed once):\n{said}")
