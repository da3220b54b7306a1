"""How many packets fastavro carried because the compiled kernel would not, in this process.

Prometheus hears of it as ``decode_fallback_total{reason}``. Reasons are those of
``broker.avro_kernel.REASONS`` and:
``no_kernel`` (switched off, or no compiler), ``framing`` (the kernel's side could not take the
framing apart), ``not_compilable`` (a schema), ``column_type`` (a field of a type that its survey
does not expect), ``unexpected`` (an error in our own conversion, which is logged).
"""

import threading
from collections import Counter
from collections.abc import Iterable

from broker import metrics

_counts: Counter[str] = Counter()
_lock = threading.Lock()


def add(reasons: Iterable[str]) -> None:
    """Count one packet for each reason."""
    found = Counter(reasons)
    for reason, packets in found.items():
        metrics.DECODE_FALLBACK.labels(reason).inc(packets)
    with _lock:
        _counts.update(found)


def counts() -> dict[str, int]:
    """Return the packets since this process began, by reason."""
    with _lock:
        return dict(_counts)
