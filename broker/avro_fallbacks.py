"""How many packets fastavro carried because the compiled kernel would not, in this process.

``decode_fallback_total{reason}`` reads it. Reasons are those of ``broker.avro_kernel.REASONS`` and:
``no_kernel`` (switched off, or no compiler), ``framing`` (the kernel's side could not take the
framing apart), ``not_compilable`` (a schema), ``column_type`` (a field of a type that its survey
does not expect), ``unexpected`` (an error in our own conversion, which is logged).
"""

import threading
from collections import Counter
from collections.abc import Iterable

_counts: Counter[str] = Counter()
_lock = threading.Lock()


def add(reasons: Iterable[str]) -> None:
    """Count one packet for each reason."""
    with _lock:
        _counts.update(reasons)


def counts() -> dict[str, int]:
    """Return the packets since this process began, by reason."""
    with _lock:
        return dict(_counts)
