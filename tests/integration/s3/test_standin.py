"""The demo's own S3, as a process: it has its bucket when it answers, and ends when told to."""

import signal
import socket
import subprocess
import sys

import pytest

from broker.config import ROOT
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_content import measure
from tests.environment import inherited
from tests.native import patiently
from tests.standins.s3_server import S3Server

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_demos_s3_takes_files(tmp_path):
    server = S3Server()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server.port = probe.getsockname()[1]
    settings = server.settings()
    given = {f"NIGHTJAR_S3__{name.upper()}": str(value) for name, value in settings if value}
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    what = measure(file)

    with (
        subprocess.Popen(
            [sys.executable, "-m", "compose.native.s3"], cwd=ROOT, env=inherited(given)
        ) as process,
        Bucket.from_settings(settings) as bucket,
    ):
        try:
            patiently(bucket.check)
            bucket.upload("file", what, None, lambda _id: None, 0.0)
            assert bucket.holds("file", what.length, what.sha256, what.checksum)
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
