"""Validate messages with the published client's own models; runs in the client's environment.

    python validate_with_client.py FOLDER

reads ``FOLDER/ztf-*.avro`` and ``FOLDER/lsst-*.avro``, one message each, and prints as JSON how many
are valid, what was wrong with the others, and how far [mag] the magnitude that the client computes
from the alert's own point lies from the packet's. It imports nothing of ours. (Up to 5e-5 mag are
right: packets round the magnitudes of their history, and of two copies of a point the one with the
lower bytes is kept.)
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

# A foreign library's switches, set before it is imported.
os.environ |= {"BABAMUL_ENV": "local", "BABAMUL_NO_VERSION_CHECK": "1"}

import fastavro
from babamul import models

MODELS = {"ztf": models.ZtfAlert, "lsst": models.LsstAlert}


def check(path: Path) -> float:
    """Return how far the client's magnitude of the alert is from the packet's [mag]."""
    with path.open("rb") as file:
        (record,) = fastavro.reader(file)
    alert = MODELS[path.name.partition("-")[0]].model_validate(record)
    candidate = record["candidate"]
    own = [
        point.magpsf
        for point, raw in zip(alert.prv_candidates, record["prv_candidates"], strict=True)
        if (raw["jd"], raw["band"]) == (candidate["jd"], candidate["band"])
    ]
    return min(abs(magnitude - candidate["magpsf"]) for magnitude in own)


def main(folder: Path) -> int:
    report: dict[str, Any] = {"valid": 0, "worst_mag": 0.0, "wrong": {}}
    for path in sorted(folder.glob("*-*.avro")):
        try:
            report["worst_mag"] = max(report["worst_mag"], check(path))
            report["valid"] += 1
        except ValueError as error:  # pydantic's ValidationError is one
            report["wrong"][path.name] = str(error)
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if report["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
