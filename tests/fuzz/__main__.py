"""``python -m tests.fuzz TARGET [--seconds 60]``; ``bombs`` measures what the bombs cost."""

import argparse
import sys

from tests.fuzz import bombs, run

NAMES = (
    *(
        "ztf",
        "ztf-datum",
        "columns",
        "lsst",
        "container",
        "anatomy",
        "schema",
        "curves",
        "catalogs",
    ),
    *("gw-notice", "sky-map", "voevent", "gcn-json"),
)


def main() -> int:
    """Fuzz one decoder or all of them; 1 when one of them broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*NAMES, "all", "bombs"])
    parser.add_argument("--seconds", type=int, default=60, help="for each decoder (60)")
    options = parser.parse_args()
    if options.target == "bombs":
        return bombs.main()
    names = NAMES if options.target == "all" else (options.target,)
    broken = []
    for name in names:
        print(f"--- {name}, {options.seconds} s", flush=True)
        if not run.is_sound(name, options.seconds):
            broken.append(name)
    print(f"{len(names)} decoders fuzzed, {len(broken)} broken {' '.join(broken)}".rstrip())
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
