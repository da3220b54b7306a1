"""Every alarm fires in a real Prometheus, reaches a web hook through a real Alertmanager, and ends.

pytest -m metrics
"""

import pytest
import yaml

from broker import metrics
from broker.prometheus import CollectorRegistry, start_http_server
from compose.native.ports import drawn
from compose.native.prometheus import FOLDER
from tests.integration.metrics.world import Said, Watch, promtool

pytestmark = [pytest.mark.metrics, pytest.mark.integration, pytest.mark.xdist_group("metrics")]

RULES = {
    rule["alert"]
    for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}


def served(
    lag=299, silent=129_599, heartbeat=3599, letters=0, fallback=0, disk=0.16, files=0, waits=0,
    refused=0, drift=0, part=1, known=1, telescope=299, unknown=0,
):  # fmt: skip
    """Return series in which all is well, each at the last value at which it is."""
    return {
        metrics.STREAM_LAG.name: [({"stream": "ztf"}, lag)],
        metrics.STREAM_SILENT.name: [
            ({"stream": "lsst"}, silent),
            ({"stream": "gcn_json"}, heartbeat),
            ({"stream": "voevent"}, 10 * silent),  # nobody expects a burst
        ],
        metrics.LETTERS_OPEN.name: [({"stream": "ztf", "reason": "unreadable"}, letters)],
        "decode_fallback_total": [({"reason": "schema"}, fallback)],
        metrics.DISK_FREE.name: [({"path": "archive"}, disk)],
        metrics.UNSYNCED.name: [({"kind": "csv"}, files)],
        metrics.DELIVERIES.name: [({"kind": "M1"}, waits)],
        "slack_post_total": [({"result": "refused"}, refused)],
        metrics.DRIFT.name: [({}, drift)],
        metrics.PART_UP.name: [({"part": "postgres"}, part)],
        metrics.FACTS_KNOWN.name: [({"source": "stream-ztf"}, known)],
        metrics.TELESCOPE_SILENT.name: [({"telescope": "beam"}, telescope)],
        metrics.COMMANDS_UNKNOWN.name: [({"telescope": "beam"}, unknown)],
    }


@pytest.fixture
def said():
    return Said(served())


@pytest.fixture
def dead_port():
    return drawn(1).web


@pytest.fixture
def watch(said, dead_port, tmp_path):
    """Prometheus scrapes this process, and knows of one more that is not there yet."""
    registry = CollectorRegistry()
    registry.register(said)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    found = Watch(tmp_path, {"metrics": server.server_port, "web": dead_port})
    try:
        found.start()
        yield found
    finally:
        found.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_files_are_what_prometheus_takes():
    assert f"{len(RULES)} rules found" in promtool("check", "rules", str(FOLDER / "alerts.yml"))


def test_each_alarm_fires_reaches_whom_it_shall_and_ends(watch, said, dead_port):
    watch.until(lambda: watch.query("stream_lag_seconds offset 6s"), "some scrapes")
    well = watch.firing()

    said.series = served(
        lag=301, silent=129_601, heartbeat=3601, letters=101, fallback=10_000, disk=0.06, files=1,
        waits=1, refused=1, drift=1, part=0, known=0, telescope=301, unknown=1,
    )  # fmt: skip
    all_but_one = RULES - {"FactsAbsent"}
    watch.until(lambda: all_but_one <= watch.receiver.states["firing"], "the hook hears of them")
    amiss = watch.firing()
    said.series = {}
    watch.until(lambda: "FactsAbsent" in watch.receiver.states["firing"], "that facts are absent")
    said.series = served(fallback=10_000, refused=1)
    lasting = {"ProcessDown", "SlackRefuses", "DecodeFallback"}  # for ten minutes and more
    watch.until(lambda: watch.firing() <= lasting, "all is well again")

    assert well == {"ProcessDown"}
    assert amiss == all_but_one
    watch.until(lambda: RULES - lasting <= watch.receiver.states["resolved"], "the hook hears it")
