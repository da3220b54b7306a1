"""``python -m compose.native.s3``: a bucket in memory that stands in for S3 in the demo.

It forgets everything when it ends; what was confirmed there is looked for again before a file is
deleted.
"""

import logging
import signal
import sys
from urllib.parse import urlsplit

from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from broker.config import config
from compose.native.ports import LOOPBACK

DEFAULT_PARTITION = "aws"
STOPS = {signal.SIGTERM, signal.SIGINT}


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    settings = config().s3
    address = urlsplit(settings.endpoint_url)
    if address.hostname != LOOPBACK or address.port is None:
        sys.exit(f"s3.endpoint_url is not on {LOOPBACK}: nothing to serve")
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=address.port, verbose=False)
    # Before it listens: whoever asks too early for a bucket rests for minutes.
    s3_backends[DEFAULT_ACCOUNT_ID][DEFAULT_PARTITION].create_bucket(
        settings.bucket, settings.region
    )
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request
    server.start()
    signal.sigwait(STOPS)
    server.stop()


if __name__ == "__main__":
    main()
