"""Prometheus and Alertmanager: our metrics stored, our alarms told; started only when named."""

import json
import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broker.config import Config
from broker.sections.parts import NativeSettings
from compose.native import ours, packages
from compose.native.home import ROOT, Home, NativeError, write_private
from compose.native.part import ask_http
from compose.native.ports import LOOPBACK, Ports
from compose.native.processes import Command
from compose.native.profile import Profile

FOLDER = ROOT / "compose" / "metrics"
PACKAGES = ("prometheus", "prometheus-alertmanager")
"""Debian's; programs of these names."""
THEIR_PORT = "127.0.0.1:19093"
"""Of Alertmanager, in the file of Prometheus."""
KEPT = "15d"


@dataclass(frozen=True)
class Alertmanager:
    """Groups alarms, and tells whoever is to know.

    Attributes
    ----------
    home : Home
        Where it runs.
    port : int
        Of its page, on loopback.
    url : str
        Web hook that it calls; empty: none.
    """

    home: Home
    port: int
    url: str
    name = "alertmanager"
    stop_signal = signal.SIGTERM

    @property
    def folder(self) -> Path:
        """Its data and settings."""
        return self.home.path / self.name

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its port."""
        return {self.name: (self.port,)}

    def wipe(self) -> None:
        """Delete its data."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Have its program here, and write its settings: an address may be a secret."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        hooks = [{"url": self.url, "send_resolved": True}] if self.url else []
        text = (FOLDER / "alertmanager.yml").read_text()
        text = text.replace("webhook_configs: []", f"webhook_configs: {json.dumps(hooks)}")
        write_private(self.folder / "alertmanager.yml", text)

    def command(self) -> Command:
        """Return its command; it is one of one, and listens to no others."""
        words = (
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--web.listen-address={LOOPBACK}:{self.port}",
            "--cluster.listen-address=",
        )
        return Command((program("prometheus-alertmanager"), *words), cwd=str(self.folder))

    def check(self) -> None:
        """Ask whether it is ready."""
        ask_http(self.port, "/-/ready")

    def finish(self) -> None:
        """Need nothing more."""

    def failed_for_now(self, log: str) -> bool:  # noqa: ARG002 a Server is asked so
        """Fail for good or not at all."""
        return False


@dataclass(frozen=True)
class Prometheus:
    """Scrapes our processes, keeps what they say, and judges alarms.

    Attributes
    ----------
    home : Home
        Where it runs.
    port : int
        Of its page, on loopback.
    alertmanager_port : int
        Whom it tells.
    targets : mapping of str to int
        Ports of our processes by name.
    """

    home: Home
    port: int
    alertmanager_port: int
    targets: Mapping[str, int]
    name = "prometheus"
    stop_signal = signal.SIGTERM

    @property
    def folder(self) -> Path:
        """Its data and settings."""
        return self.home.path / self.name

    def ports(self) -> dict[str, tuple[int, ...]]:
        """Return its port."""
        return {self.name: (self.port,)}

    def wipe(self) -> None:
        """Delete its data."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self) -> None:
        """Write its settings, the rules, and where our processes are."""
        self.folder.mkdir(exist_ok=True)
        shutil.copy(FOLDER / "alerts.yml", self.folder)
        text = (FOLDER / "prometheus.yml").read_text()
        there = f"{LOOPBACK}:{self.alertmanager_port}"
        (self.folder / "prometheus.yml").write_text(text.replace(THEIR_PORT, there))
        write_targets(self.folder / "targets.json", self.targets)

    def command(self) -> Command:
        """Return its command."""
        words = (
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--storage.tsdb.retention.time={KEPT}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
        )
        return Command((program("prometheus"), *words), cwd=str(self.folder))

    def check(self) -> None:
        """Ask whether it is ready."""
        ask_http(self.port, "/-/ready")

    def finish(self) -> None:
        """Tell one that ran already where our processes are now; it reads the file by itself."""
        write_targets(self.folder / "targets.json", self.targets)

    def failed_for_now(self, log: str) -> bool:  # noqa: ARG002 a Server is asked so
        """Fail for good or not at all."""
        return False


def servers(
    home: Home, at: Ports, processes: Sequence[ours.Process], settings: Config
) -> tuple[Alertmanager, Prometheus]:
    """Return both, in the order in which they start."""
    return (
        Alertmanager(home, at.alertmanager, settings.native.alarms_url),
        Prometheus(home, at.prometheus, at.alertmanager, ours.metrics_ports(processes)),
    )


def replaced(settings: Config, chosen: Profile) -> dict[str, Any]:
    """Return what settings say of metrics where ports were drawn: none, unless somebody asks."""
    native = settings.native
    if chosen.is_free and native.metrics_port == NativeSettings().metrics_port:
        return {"native": native.model_copy(update={"metrics_port": 0})}
    return {}


def program(name: str) -> str:
    """Return the system's program, installed where that is allowed and it is not there.

    Raises
    ------
    NativeError
        With the command to run.
    """
    if shutil.which(name) is None:
        packages.install_programs(*PACKAGES)
    if found := shutil.which(name):
        return found
    raise NativeError(f"no {name}; run: sudo apt-get install {' '.join(PACKAGES)}")


def write_targets(path: Path, targets: Mapping[str, int]) -> None:
    """Write where processes serve their metrics, as Prometheus reads it."""
    found = [
        {"targets": [f"{LOOPBACK}:{port}"], "labels": {"process": name}}
        for name, port in targets.items()
    ]
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(found, indent=1))
    draft.replace(path)
