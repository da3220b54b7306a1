"""The library of Prometheus, which decides how it counts when it is imported: always from here."""

from broker.metrics_folder import count_together

count_together()

from prometheus_client import (  # noqa: E402 not before
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric  # noqa: E402 not before
from prometheus_client.multiprocess import MultiProcessCollector  # noqa: E402 not before
from prometheus_client.registry import Collector  # noqa: E402 not before

__all__ = [
    "Collector",
    "CollectorRegistry",
    "Counter",
    "Gauge",
    "GaugeMetricFamily",
    "Histogram",
    "Metric",
    "MultiProcessCollector",
    "ProcessCollector",
    "start_http_server",
]
