"""A real Prometheus and a real Alertmanager on ports of their own, and whoever they tell."""

import json
import re
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from broker.prometheus import Collector, GaugeMetricFamily
from compose.native import prometheus
from compose.native.home import Home
from compose.native.ports import drawn

ANSWER_S = 10
PATIENCE_S = 180
HURRY = (
    (r"(scrape|evaluation)_interval: \w+", r"\1_interval: 1s"),
    (r"refresh_interval: \w+", "refresh_interval: 1s"),
    (r"group_(wait|interval): \w+", r"group_\1: 1s"),
    (r"\bfor: \w+", "for: 2s"),
    (r"\[30m\]", "[4s]"),  # of a minimum: what was well before shall be over
)
"""What a test does not wait for; thresholds and everything else stay as they are shipped."""


class Receiver:
    """A web hook: whom Alertmanager tells."""

    def __init__(self) -> None:
        self.states: dict[str, set[str]] = defaultdict(set)
        heard = self.states

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                for alarm in json.loads(body)["alerts"]:
                    heard[alarm["status"]].add(alarm["labels"]["alertname"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass(eq=False)
class Said(Collector):
    """Series that a test wants served, by name; each with its labels and value."""

    series: dict[str, list[tuple[Mapping[str, str], float]]] = field(default_factory=dict)

    def collect(self) -> list[GaugeMetricFamily]:
        found = []
        for name, samples in self.series.items():
            family = GaugeMetricFamily(name, "said by a test", labels=list(samples[0][0]))
            for labels, value in samples:
                family.add_metric(list(labels.values()), value)
            found.append(family)
        return found


@dataclass
class Watch:
    """Both servers, as ``compose/native`` starts them, in a hurry."""

    folder: Path
    targets: Mapping[str, int]
    receiver: Receiver = field(default_factory=Receiver)
    _running: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self) -> None:
        ports = drawn(1)
        home = Home(self.folder)
        home.make()
        alertmanager = prometheus.Alertmanager(home, ports.alertmanager, self.receiver.url)
        watcher = prometheus.Prometheus(home, ports.prometheus, ports.alertmanager, self.targets)
        self.port = ports.prometheus
        for server in (alertmanager, watcher):
            server.prepare()
            for file in server.folder.glob("*.yml"):
                text = file.read_text()
                for slow, fast in HURRY:
                    text = re.sub(slow, fast, text)
                file.write_text(text)
            command = server.command()
            with (home.logs / f"{server.name}.log").open("wb") as log:
                self._running.append(
                    subprocess.Popen(command.argv, cwd=command.cwd, stdout=log, stderr=log)
                )
            self.until(lambda server=server: _is_ready(server), f"{server.name} is ready")

    def close(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(20)
        self.receiver.close()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression gives; fails where Prometheus refuses it."""
        words = urllib.parse.urlencode({"query": expression})
        address = f"http://127.0.0.1:{self.port}/api/v1/query?{words}"
        try:
            with urllib.request.urlopen(address, timeout=ANSWER_S) as reply:
                answer = json.load(reply)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
        assert answer["status"] == "success"
        return list(answer["data"]["result"])

    def firing(self) -> set[str]:
        """Return the alarms that fire now."""
        return {each["metric"]["alertname"] for each in self.query('ALERTS{alertstate="firing"}')}

    def until(self, is_so: Callable[[], object], what: str) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < give_up_at, f"not within {PATIENCE_S} s: {what}"
            time.sleep(0.2)


def _is_ready(server: Any) -> bool:
    (port,) = server.ports()[server.name]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=ANSWER_S) as reply:
            return reply.status == 200
    except OSError:
        return False


def promtool(*words: str) -> str:
    """Run Prometheus' own checker."""
    found = Path(prometheus.program("prometheus")).parent / "promtool"
    done = subprocess.run([found, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
