"""Serve the stand-in for ALeRCE that ``alerce.lsst_url`` names: ``python -m`` this module."""

import signal
import sys
from urllib.parse import urlsplit

from broker.config import config
from pipeline.simulate.alerce import HOST, StandIn
from pipeline.simulate.lasair import find


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    asked = urlsplit(config().alerce.lsst_url)
    if asked.hostname != HOST or asked.port is None:
        sys.exit(f"alerce.lsst_url is not on {HOST}: set it to http://{HOST}:18092")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    standin = StandIn(find, asked.port)
    try:
        standin.serve_forever()
    except KeyboardInterrupt:
        standin.server_close()


if __name__ == "__main__":
    main()
