"""``python compose/native VERB``."""

import sys
from pathlib import Path

# The folder itself stands first on the path and would shadow packages such as redis.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from compose.native.cli import main  # noqa: E402 the path had to be mended first

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
