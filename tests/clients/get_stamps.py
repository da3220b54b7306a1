"""Get images with ALeRCE's client, unmodified; runs in the clients' own environment.

    python get_stamps.py SURVEY OBJECT [DETECTION]

prints as JSON the shape and the sum of each image. ``ALERCE_CONFIG_PATH`` says which servers are
asked. It imports nothing of ours.
"""

import json
import sys

from alerce.core import Alerce


def main(survey: str, oid: str, *detection: str) -> None:
    number = int(detection[0]) if detection else None
    images = Alerce().get_stamps(oid=oid, candid=number, survey=survey)
    found = list(images.values()) if isinstance(images, dict) else list(images)
    seen = [[list(image.data.shape), float(image.data.sum())] for image in found]
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
