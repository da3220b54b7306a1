"""Every query of every dashboard, evaluated by a real Prometheus that scrapes a system at work.

pytest -m metrics
"""

import json
import urllib.error
import urllib.request
from dataclasses import astuple

import pytest

from compose.native.ports import drawn
from compose.native.prometheus import FOLDER
from tests.contracts.test_metrics import names_in
from tests.drill import load
from tests.e2e.system import on
from tests.integration.metrics.world import Watch

pytestmark = [pytest.mark.metrics]

PACKETS, GARBAGE, REQUESTS = 120, 3, 7
PROCESSES = {
    "listen-ztf": ("manage.py", "listen", "ztf"),
    "worker": (
        *("-m", "celery", "-A", "broker.celery", "worker", "-Q", "alerts", "--concurrency", "2"),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    ),
    "metrics": ("manage.py", "metrics"),
    "web": ("-m", "gunicorn", "broker.wsgi"),
}
NOT_AT_WORK = {
    "babamul_kafka_consumer_committed_offset", "babamul_kafka_consumer_consumed_fraction",
    "babamul_kafka_consumer_lag", "credential_drift", "decode_fallback_total", "deliveries_pending",
    "gw_plan_seconds_bucket", "gw_plan_seconds_count", "telescope_ack_seconds_bucket",
    "telescope_commands_total", "telescope_commands_unknown", "telescope_data_rows_total",
    "telescope_silent_seconds", "unsynced_files",
}  # fmt: skip
"""What this system does not do: their queries are evaluated, and give nothing."""


def queries():
    for file in sorted((FOLDER / "grafana").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield target["expr"].replace("$__rate_interval", "1m").replace("$stream", ".*")


@pytest.fixture
def watch(system, tmp_path):
    """Start our processes, each with a port for metrics, and a Prometheus that knows them."""
    web, *ports = {port for port in astuple(drawn(1)) if isinstance(port, int)}
    targets = dict(zip(PROCESSES, ports, strict=False))
    for name, words in PROCESSES.items():
        system.start(
            name,
            *words,
            NIGHTJAR_METRICS__PORT=str(targets[name]),
            NIGHTJAR_METRICS__FOLDER=str(tmp_path / "metrics"),
            NIGHTJAR_METRICS__KEEP_S="1",
            NIGHTJAR_WEB__PORT=str(web),
            NIGHTJAR_WEB__SECRET_KEY="only for this test, and long enough for everybody: 0123456789",
            REMAP_SIGTERM="SIGQUIT",
        )
    found = Watch(tmp_path, targets)
    found.web = f"http://127.0.0.1:{web}"
    try:
        found.start()
        yield found
    finally:
        found.close()


def asked(address):
    """Ask for a page as a browser does; return the status, or None while nobody answers."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def one(watch, expression):
    """Return the one number that an expression gives; 0 while there is none."""
    found = watch.query(expression)
    return float(found[0]["value"][1]) if found else 0.0


def test_every_query_of_every_dashboard_is_answered(system, make_input, watch):
    topic = make_input("ztf")
    watch.until(lambda: one(watch, "sum(up)") == len(PROCESSES), "all are scraped")
    packets = on(topic, [*load.ztf_packets(PACKETS), *[b"garbage"] * GARBAGE])
    system.send(packets[: PACKETS // 2])
    watch.until(lambda: watch.query("sum(alert_latency_seconds_count) > 0"), "one is published")
    system.send(packets[PACKETS // 2 :])
    system.wait_until_accounted(len(packets))
    watch.until(lambda: asked(f"{watch.web}/health"), "the web answers")
    codes = [asked(f"{watch.web}/babamul/no-such-route") for _ in range(REQUESTS)]

    done = "sum(alert_worker_alert_processed_total)"
    watch.until(lambda: one(watch, done) == len(packets), "all are counted")
    watch.until(lambda: watch.query("sum(dead_letters_open) == 3"), "the letters are seen")
    watch.until(lambda: watch.query('stream_lag_seconds{stream="ztf"} == 0'), "nothing is behind")
    watch.until(lambda: watch.query(f"sum(api_request_total) == {REQUESTS}"), "requests counted")
    answers = {query: watch.query(query) for query in queries()}

    (code,) = set(codes)
    assert 400 <= code < 500
    assert one(watch, "sum(kafka_consumer_alert_processed_total)") == len(packets)
    for status, count in {"ok": PACKETS, "error": GARBAGE}.items():
        assert one(watch, f'sum(alert_worker_alert_processed_total{{status="{status}"}})') == count
    published = sum(sum(night["published"].values()) for night in system.ledger()["nights"])
    assert one(watch, "sum(alert_latency_seconds_count)") >= published > 0
    labels = f'api="babamul",client="browser",status_code="{code}"'
    assert one(watch, f"sum(api_request_total{{{labels}}})") == REQUESTS
    empty = {query for query, answer in answers.items() if not answer}
    assert {query for query in empty if not names_in(query) & NOT_AT_WORK} == set()


def test_a_listener_that_is_gone_and_packets_that_wait_ring(system, make_input, watch):
    """The alarms of the shipped rules, by what really goes wrong; thresholds are made smaller."""
    topic = make_input("ztf")
    watch.until(lambda: one(watch, "sum(up)") == len(PROCESSES), "all are scraped")
    system.send(on(topic, load.ztf_packets(4)))
    system.wait_until_accounted(4)

    system.kill("listen-ztf")
    system.send(on(topic, load.ztf_packets(8)[4:]))

    behind = 'stream_lag_seconds{stream="ztf"} > 5 and stream_unread_messages{stream="ztf"} == 4'
    watch.until(lambda: watch.query(behind), "it lags, and nobody of ours had to live to say so")
    heard = watch.receiver.states["firing"]
    watch.until(lambda: "ProcessDown" in heard, "its process is missed")
