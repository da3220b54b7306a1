"""A benchmark on servers of its own that begin empty: start, migrate, measure, judge, stop."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tests.bench.command import parser, stand_alone
from tests.environment import point_at

EMPTIED = ("postgres", "kafka/data")
"""Of a run before: its rows and messages would be counted too."""


class Figures(Protocol):
    """What one run took, and what of it is not as it shall be."""

    failures: list[str]

    def lines(self) -> list[str]: ...
    def as_json(self) -> str: ...


_P = TypeVar("_P")


class Bench(Generic[_P]):
    """A benchmark of one consumer.

    Parameters
    ----------
    name : str
        Of its folder under ``.nightjar``, with ``-`` between words; its package has ``_``.
    doc : str, optional
        Said by ``--help``.
    profiles : mapping
        Of a form's name to the form.
    servers : sequence of str
        Native parts that it needs.
    places : mapping
        Of a setting's variable to the folder it names, within one that is deleted afterwards.
    run : callable
        Called with the form and that folder when all is up; measures.
    """

    def __init__(
        self,
        name: str,
        doc: str | None,
        profiles: Mapping[str, _P],
        servers: Sequence[str],
        places: Mapping[str, str],
        run: Callable[[_P, Path], Figures],
    ) -> None:
        self._name = name
        self._doc = doc
        self._profiles = profiles
        self._servers = servers
        self._places = places
        self._run = run

    def main(self) -> int:
        """Measure and print; 1 when a goal is missed or something is not what was sent."""
        form = parser(f"tests.{self._name.replace('-', '_')}", self._doc, self._profiles)
        options = form.parse_args()
        home_path = f".nightjar/{self._name}-{options.profile}"
        stand_alone(home_path)
        from tests import native

        home = native.Home.named(home_path)
        running = native.Native(home)
        running.must("down")
        for left in EMPTIED:
            shutil.rmtree(home.path / left, ignore_errors=True)
        try:
            running.must("up", *self._servers, "--free-ports")
            point_at(running.settings())
            subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], check=True)
            found = self._measured(self._profiles[options.profile])
        finally:
            running.must("down")
        if options.json:
            options.json.write_text(found.as_json() + "\n")
        for line in found.failures:
            print(f"FAILED: {line}", file=sys.stderr)
        return 1 if found.failures else 0

    def _measured(self, profile: _P) -> Figures:
        with tempfile.TemporaryDirectory() as folder:
            places = {key: f"{folder}/{place}" for key, place in self._places.items()}
            point_at({**places, "NIGHTJAR_LOGS__LEVEL": "warning"})
            from broker import logs
            from broker.config import config

            config.cache_clear()
            logs.configure()
            found = self._run(profile, Path(folder))
        print("\n".join(found.lines()))
        return found
