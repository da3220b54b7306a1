"""``make bench-filters``: ``python -m tests.bench_filters [smoke|default]``."""

import sys

from tests.bench.alone import Bench
from tests.bench_filters.run import PROFILES, run

BENCH = Bench("bench-filters", __doc__, PROFILES, servers=("postgres",), places={}, run=run)

if __name__ == "__main__":
    sys.exit(BENCH.main())
