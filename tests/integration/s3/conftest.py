"""A bucket on a real S3, and the credentials that it wants."""

from collections.abc import Iterator

import pytest

from tests.standins.s3_server import KEY, SECRET, S3Server, s3_server


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """Run an S3 with one empty bucket."""
    with s3_server() as server:
        yield server
