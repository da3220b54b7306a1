"""How every benchmark is called: a form, settings of its own, a report, an exit code."""

import argparse
import json
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from tests.environment import ALONE, point_at

if TYPE_CHECKING:
    from io import TextIOWrapper


class Report(Protocol):
    """A module that tells figures to people."""

    def text(self, found: Any) -> str: ...
    def markdown(self, found: Any) -> str: ...
    def failures(self, found: Any) -> list[str]: ...


def parser(package: str, doc: str | None, profiles: Iterable[str]) -> argparse.ArgumentParser:
    """Return what reads a benchmark's form, and where its figures go."""
    found = argparse.ArgumentParser(prog=f"python -m {package}", description=doc)
    found.add_argument("profile", nargs="?", default="default", choices=sorted(profiles))
    found.add_argument("--json", type=Path, help="write the figures there")
    return found


def with_report(found: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a report be asked for."""
    found.add_argument("--out", type=Path, help="write the report there, as Markdown")
    return found


def stand_alone(home: str) -> None:
    """Know no settings but the benchmark's own, and let no server outlive it.

    Called before anything reads a setting.
    """
    cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True)  # processes are forked
    point_at({"NIGHTJAR_HOME": home} | ALONE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def failed(error: Exception) -> int:
    """Say why a run could not go on; return the exit code."""
    print(f"FAILED: {error}", file=sys.stderr)
    return 1


def told(found: Any, report: Report, options: argparse.Namespace) -> int:
    """Print and write figures; return the exit code."""
    print("\n" + report.text(found), end="")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.out:
        options.out.write_text(report.markdown(found))
    return 1 if report.failures(found) else 0
