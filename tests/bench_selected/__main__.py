"""``make bench-selected``: ``python -m tests.bench_selected [smoke|default]``."""

import sys

from tests.bench.alone import Bench
from tests.bench_selected.run import PROFILES, run

BENCH = Bench(
    "bench-selected",
    __doc__,
    PROFILES,
    servers=("postgres", "kafka"),
    places={"NIGHTJAR_ARCHIVE__PATH": "archive", "NIGHTJAR_OUTPUT__ROOT": "out"},
    run=run,
)

if __name__ == "__main__":
    sys.exit(BENCH.main())
