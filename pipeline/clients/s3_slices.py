"""Pieces of the archive's segments from S3, for machines that do not have the file."""

from functools import lru_cache

from broker.config import config
from broker.errors import TransientError
from broker.sections.outside import S3Settings
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_errors import S3RefusedError, sorted_errors


def read(key: str, start: int, length: int) -> bytes:
    """Return ``length`` bytes of an object from ``start`` on; nobody has checked them.

    One request of its own, with the timeouts and attempts of ``s3``.

    Raises
    ------
    TransientError
        If S3 is away, refuses, or has not the object: its text says which.
    """
    bucket = _bucket(config().s3)
    end = start + length - 1
    try:
        with sorted_errors(f"read {key} {start}-{end}"):
            got = bucket.client.get_object(
                Bucket=bucket.name, Key=key, Range=f"bytes={start}-{end}"
            )
            return bytes(got["Body"].read())
    except S3RefusedError as error:
        raise TransientError(str(error)) from error


@lru_cache(1)
def _bucket(settings: S3Settings) -> Bucket:
    """Return this process's bucket; boto3's clients may be used by threads side by side."""
    return Bucket.from_settings(settings)
