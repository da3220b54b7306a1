"""``make bench-telescope``: ``python -m tests.bench_telescope [smoke|default]``."""

import sys

from tests.bench.alone import Bench
from tests.bench_telescope.run import PROFILES, run

BENCH = Bench(
    "bench-telescope",
    __doc__,
    PROFILES,
    servers=("servers", "registry"),
    places={"NIGHTJAR_ARCHIVE__PATH": "archive"},
    run=run,
)

if __name__ == "__main__":
    sys.exit(BENCH.main())
