"""Every metric that Nightjar serves to Prometheus: a new one is a line here.

What a process does, it counts itself where it does it: counters, histograms and gauges. What stands
in Postgres or Kafka is a ``Fact``: the process ``manage.py metrics`` alone asks for it, see
``broker.metrics_facts``. Names without a prefix of ours are those of public systems of this kind,
so that their dashboards load here; units end names.

No label is a person's address or anything else that came with a packet: each has few values, all
of them ours.
"""

from dataclasses import dataclass
from typing import Literal

from broker.prometheus import Counter, Gauge, Histogram

Status = Literal["ok", "error"]

_STAGE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_LATENCY_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21600, 86400)
_ACK_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_PLAN_S = (1, 2, 5, 10, 20, 30, 60, 120, 180, 240, 300)


@dataclass(frozen=True)
class Fact:
    """Something that stands in a server, asked for by one process.

    Attributes
    ----------
    name, description : str
        As Prometheus shows them.
    labels : tuple of str
        Their names.
    """

    name: str
    description: str
    labels: tuple[str, ...] = ()


KAFKA_READ = Counter(
    "kafka_consumer_alert_processed",
    "Packets that workers read from Kafka, of first and further attempts.",
    ["survey"],
)
ALERTS = Counter(
    "alert_worker_alert_processed",
    "Packets by what became of them: ok stored or duplicate, error with the dead letter's reason.",
    ["survey", "status", "reason"],
)
ENRICHED = Counter(
    "enrichment_worker_alert_processed",
    "Alerts that were matched with catalogs and classified.",
    ["survey", "status", "reason"],
)
FILTERED = Counter(
    "filter_worker_alert_processed",
    "Alerts that were judged for topics: ok routed or unrouted.",
    ["survey", "status", "reason"],
)
PUBLISHED = Counter(
    "scheduler_kafka_alert_published",
    "Messages that our Kafka acknowledged.",
    ["survey", "topic"],
)
API_REQUESTS = Counter(
    "api_request",
    "Requests by interface, kind of client and status code.",
    ["api", "client", "status_code"],
)
STAGE = Histogram(
    "pipeline_stage_seconds",
    "Wall time of each step of a range of alerts.",
    ["stage"],
    buckets=_STAGE_S,
)
LATENCY = Histogram(
    "alert_latency_seconds",
    "From a packet's arrival in the survey's Kafka to its message's acknowledgment by ours.",
    buckets=_LATENCY_S,
)
RANGES_IN_FLIGHT = Gauge(
    "range_inflight",
    "Ranges of offsets that were cut and are not finished.",
    ["stream"],
    multiprocess_mode="livesum",
)
DEAD_LETTERS = Counter(
    "dead_letters",
    "Packets and messages that were buried, anew or again.",
    ["stream", "reason"],
)
DECODE_FALLBACK = Counter(
    "decode_fallback",
    "Packets that the compiled decoder left to fastavro.",
    ["reason"],
)
GW_PLAN = Histogram(
    "gw_plan_seconds",
    "Time of each stage of an observation plan; the stage whole is all of it.",
    ["strategy", "telescope", "stage"],
    buckets=_PLAN_S,
)
SLACK_POSTS = Counter(
    "slack_post",
    "Messages and pictures given to Slack: sent, refused for good, or to be tried again.",
    ["result"],
)
for _result in ("sent", "refused", "again"):
    SLACK_POSTS.labels(_result)  # 0 from the start: the first refusal is an increase
TELESCOPE_ACK = Histogram(
    "telescope_ack_seconds",
    "From a command's sending to a telescope's first acknowledgment of it.",
    buckets=_ACK_S,
)
TELESCOPE_COMMANDS = Counter(
    "telescope_commands",
    "Commands by the state that they came to.",
    ["telescope", "state"],
)
TELESCOPE_ROWS = Counter(
    "telescope_data_rows",
    "Observed data by what became of them: stored, duplicate or dead.",
    ["telescope", "result"],
)

STREAM_LAG = Fact(
    "stream_lag_seconds",
    "Age of the oldest message of a stream that is not finished; 0: all are.",
    ("stream",),
)
STREAM_UNREAD = Fact(
    "stream_unread_messages", "Messages of a stream that are not finished.", ("stream",)
)
STREAM_SILENT = Fact(
    "stream_silent_seconds", "Age of the newest message that a stream's topics hold.", ("stream",)
)
LETTERS_OPEN = Fact(
    "dead_letters_open", "Dead letters that wait for a person.", ("stream", "reason")
)
DISK_FREE = Fact(
    "disk_free_fraction", "Share of the disk of a folder that is free, 0 to 1.", ("path",)
)
PART_UP = Fact("part_up", "0 where /health says that a part is down, else 1.", ("part",))
QUEUE_WAITING = Fact("queue_waiting_tasks", "Tasks that wait in a queue.", ("queue",))
UNSYNCED = Fact(
    "unsynced_files", "Closed files that S3 should have by now and has not confirmed.", ("kind",)
)
DELIVERIES = Fact("deliveries_pending", "Messages to people that are not there yet.", ("kind",))
DRIFT = Fact(
    "credential_drift", "Credentials that differed from Kafka's own listing the last time."
)
TELESCOPE_SILENT = Fact(
    "telescope_silent_seconds",
    "Time since a telescope's longest silent application was heard; of those that take commands.",
    ("telescope",),
)
COMMANDS_UNKNOWN = Fact(
    "telescope_commands_unknown",
    "Commands of which nobody knows whether they were sent.",
    ("telescope",),
)
_CONSUMER = ("user_id", "topic", "group")
CONSUMER_OFFSET = Fact(
    "babamul_kafka_consumer_committed_offset",
    "Sum over partitions of the next offsets of a person's group.",
    _CONSUMER,
)
CONSUMER_LAG = Fact(
    "babamul_kafka_consumer_lag", "Messages that are kept and a group has not read.", _CONSUMER
)
CONSUMER_FRACTION = Fact(
    "babamul_kafka_consumer_consumed_fraction",
    "Share of the kept messages that a group has read, 0 to 1.",
    _CONSUMER,
)
CONSUMER_GROUPS = Fact(
    "babamul_kafka_active_consumer_groups", "People's groups that have a consumer now."
)
FACTS_KNOWN = Fact(
    "facts_known", "1 where a source of facts was asked in time, else 0.", ("source",)
)

COUNTED = (
    KAFKA_READ, ALERTS, ENRICHED, FILTERED, PUBLISHED, API_REQUESTS, STAGE, LATENCY,
    RANGES_IN_FLIGHT, DEAD_LETTERS, DECODE_FALLBACK, GW_PLAN, SLACK_POSTS, TELESCOPE_ACK,
    TELESCOPE_COMMANDS, TELESCOPE_ROWS,
)  # fmt: skip
"""What processes count themselves."""
FACTS = (
    STREAM_LAG, STREAM_UNREAD, STREAM_SILENT, LETTERS_OPEN, DISK_FREE, PART_UP, QUEUE_WAITING,
    UNSYNCED, DELIVERIES, DRIFT, TELESCOPE_SILENT, COMMANDS_UNKNOWN, CONSUMER_OFFSET, CONSUMER_LAG,
    CONSUMER_FRACTION, CONSUMER_GROUPS, FACTS_KNOWN,
)  # fmt: skip
"""What one process asks for."""
