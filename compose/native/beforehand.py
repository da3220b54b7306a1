"""What can be said of a machine before the environment is made: the standard library alone.

``make doctor`` runs it as a program until ``.venv`` is there; the whole doctor begins with it.
"""

import shutil
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from compose.native import jars, packages
from compose.native.home import ROOT

LOWEST_PYTHON = (3, 11)
ROOM_BYTES = 4 * 2**30
"""The environment, Kafka's jars, and a few nights of the demo."""


@dataclass(frozen=True)
class Need:
    """One thing that Nightjar needs.

    Attributes
    ----------
    name : str
        Of the thing.
    is_met : bool
        ``make demo`` can do with what there is.
    text : str
        What is found, or how to mend it.
    """

    name: str
    is_met: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.is_met else 'MISSING'} {self.name:<11} {self.text}"


def examine() -> list[Need]:
    """Look at what ``make demo`` needs first; start and change nothing."""
    return [python(), _venv(), _room(), maven(), _environment()]


def python() -> Need:
    """Return whether this Python is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    is_new = sys.version_info[:2] >= LOWEST_PYTHON
    advice = "" if is_new else "; install Python ≥ 3.11 and delete .venv"
    return Need("python", is_new, f"{version} at {sys.executable}{advice}")


def maven() -> Need:
    """Return whether Kafka's jars are here or can be fetched."""
    found = jars.find_maven()
    if found:
        return Need("maven", is_met=True, text=f"at {found}")
    if len(list(jars.LIBS.glob("*.jar"))) == len(jars.read_lock()):
        return Need("maven", is_met=True, text="absent, and not needed: the jars are here")
    return installable("maven", "maven")


def installable(name: str, package: str) -> Need:
    """Return the need of something absent that is a package of the system."""
    command = f"apt-get install -y --no-install-recommends {package}"
    if packages.may_install():
        return Need(name, is_met=True, text=f"absent; up will run: {command}")
    return Need(name, is_met=False, text=f"run: sudo {command}")


def _venv() -> Need:
    """Return whether Python can make an environment; some systems pack that apart."""
    if find_spec("venv") and find_spec("ensurepip"):
        return Need("venv", is_met=True, text="this Python makes environments")
    return Need("venv", is_met=False, text="run: sudo apt-get install python3-venv")


def _room() -> Need:
    free = shutil.disk_usage(ROOT).free
    text = f"{free / 2**30:.0f} GiB free at {ROOT}"
    advice = "" if free >= ROOM_BYTES else f"; {ROOM_BYTES / 2**30:.0f} GiB are needed"
    return Need("disk", not advice, f"{text}{advice}")


def _environment() -> Need:
    text = "not made yet: make demo makes it, which takes minutes; then ask again for more"
    return Need("environment", is_met=True, text=text)


def main() -> int:
    """Print a line per need; return the exit code."""
    needs = examine()
    for need in needs:
        print(need)
    return 0 if all(need.is_met for need in needs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
