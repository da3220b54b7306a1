"""A real S3 (moto) over HTTP on a free port, as strict as Amazon's, whose wire fails on request."""

import hashlib
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from broker.sections.outside import S3Settings
from tests.standins.faulty import Answer, Fault, Faulty, serving

KEY, SECRET = "AKIANOTAREALKEY", "horse-battery-8"
_BAD_DIGEST = b"<Error><Code>BadDigest</Code><Message>other bytes</Message></Error>"


class S3Server(Faulty):
    """A bucket of its own for each; other requests than ours are not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.bucket = f"nightjar-{uuid.uuid4().hex[:12]}"

    def settings(self, **given: Any) -> S3Settings:
        values = {
            "bucket": self.bucket,
            "region": "us-east-1",
            "endpoint_url": f"http://127.0.0.1:{self.port}",
            "attempts": 1,
            "connect_timeout_s": 2,
            "read_timeout_s": 20,
        }
        return S3Settings(**values | given)

    @property
    def client(self) -> Any:
        """Return a client that is not ours."""
        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
        )

    def objects(self) -> dict[str, bytes]:
        """Return every object by its key."""
        client = self.client
        found = client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {
            each["Key"]: client.get_object(Bucket=self.bucket, Key=each["Key"])["Body"].read()
            for each in found
        }

    def puts(self) -> int:
        """Return how many bodies were sent so far."""
        return sum(each.method == "PUT" for each in self.asked)


def damage(server: Any, s3: Answer, environ: dict[str, Any], start_response: Any) -> Any:
    """Turn over one bit of the body on its way."""
    body = _read(environ)
    environ["wsgi.input"] = BytesIO(bytes([body[0] ^ 1]) + body[1:])
    return s3(environ, start_response)


def answer(code: int, error: str) -> Fault:
    """Answer so once, with S3's own word for it, without doing anything."""

    def refuse(_server: Any, _s3: Any, environ: Any, start_response: Any) -> list[bytes]:
        _read(environ)
        return _reply(f"<Error><Code>{error}</Code></Error>".encode(), code, start_response)

    return refuse


@contextmanager
def s3_server(*, is_strict: bool = True, has_bucket: bool = True) -> Iterator[S3Server]:
    """Run an S3 with one empty bucket; a strict one refuses bytes of another checksum."""
    server = S3Server()
    true_app = DomainDispatcherApplication(create_backend_app)
    with serving(server, _strict(true_app) if is_strict else true_app, ""):
        if has_bucket:
            server.client.create_bucket(Bucket=server.bucket)
        server.asked.clear()
        yield server


def _strict(true_app: Answer) -> Answer:
    """Do what Amazon does and moto does not: look whether the bytes have their checksum."""

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        promised = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
        if promised and environ["REQUEST_METHOD"] == "PUT":
            body = _read(environ)
            if b64encode(hashlib.sha256(body).digest()).decode() != promised:
                return _reply(_BAD_DIGEST, 400, start_response)
            environ["wsgi.input"] = BytesIO(body)
        return true_app(environ, start_response)

    return app


def _read(environ: dict[str, Any]) -> bytes:
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _reply(body: bytes, code: int, start_response: Any) -> list[bytes]:
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    start_response(f"{code} No", headers)
    return [body]
