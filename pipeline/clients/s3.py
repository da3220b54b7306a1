"""One bucket of S3: files put there whole, and proof that they are; the only socket to S3.

A file is there when the length, the SHA-256 of the whole (our own metadata) and the checksum that
S3 made of what arrived are all those of the file. The first two alone would be true of damaged
bytes as well. A store that keeps no such checksum is read back instead.
"""

import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NamedTuple, Self

import botocore.session
from boto3.session import Session
from botocore.config import Config

from broker.sections.outside import S3Settings
from pipeline.clients.s3_content import Content
from pipeline.clients.s3_errors import S3RefusedError, sorted_errors
from pipeline.clients.s3_parts import Transfer

METADATA = "sha256"
READ_BYTES = 2**20
_LOGINS = ("env", "assume-role-with-web-identity", "container-role", "iam-role")
"""Where credentials may come from: the environment, or a role of the machine."""


class Remote(NamedTuple):
    """An object as S3 knows it."""

    length: int
    sha256: str
    """Ours, of the whole; empty where the object is not from us."""
    checksum: str
    """S3's; empty where the store makes none."""


class Bucket:
    """One bucket; every call may be repeated, and made by several threads at once.

    Parameters
    ----------
    client : object
        boto3's, with address, login and timeouts.
    name : str
        Of the bucket.
    makes_checksums : bool
        Whether the store is asked to check each part with SHA-256.
    """

    def __init__(self, client: Any, name: str, *, makes_checksums: bool = True) -> None:
        self.client = client
        self.name = name
        self._makes_checksums = makes_checksums

    @classmethod
    def from_settings(cls, settings: S3Settings) -> Self:
        """Return the bucket of the settings; nothing is asked yet. Close it after use."""
        core = botocore.session.Session()
        logins = core.get_component("credential_provider")
        logins.providers = [each for each in logins.providers if each.METHOD in _LOGINS]
        client = Session(botocore_session=core).client(
            "s3",
            region_name=settings.region or None,
            endpoint_url=settings.endpoint_url or None,
            config=Config(
                connect_timeout=settings.connect_timeout_s,
                read_timeout=settings.read_timeout_s,
                max_pool_connections=settings.threads,
                retries={"total_max_attempts": settings.attempts, "mode": "standard"},
                request_checksum_calculation=settings.request_checksum_calculation,
                # A store of one's own seldom has a name for each bucket.
                s3={"addressing_style": "path" if settings.endpoint_url else "auto"},
                proxies={},
            ),
        )
        is_modern = settings.request_checksum_calculation == "when_supported"
        return cls(client, settings.bucket, makes_checksums=is_modern)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def check(self) -> None:
        """Ask whether the bucket is there: a missing object and a missing bucket answer alike.

        Raises
        ------
        S3RefusedError
            If there is no such bucket, no right to it, or no login.
        TransientError
            If the server is away or busy.
        """
        call = f"bucket {self.name}"
        try:
            with sorted_errors(call):
                self.client.head_bucket(Bucket=self.name)
        except S3RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                text = f"S3: there is no bucket {self.name}; make it, or mend s3.bucket"
                raise S3RefusedError(text, error.status, error.code, stops_all=True) from error
            raise

    def is_bare(self, prefix: str) -> bool:
        """Return whether no object's key begins so; raises as ``check``."""
        with sorted_errors(f"list {prefix}"):
            found = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix, MaxKeys=1)
        return not found.get("Contents")

    def find(self, key: str) -> Remote | None:
        """Return what S3 knows of an object; None where there is none. Raises as ``check``."""
        try:
            with sorted_errors(f"head {key}"):
                head = self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except S3RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return Remote(
            int(head["ContentLength"]),
            head.get("Metadata", {}).get(METADATA, ""),
            head.get("ChecksumSHA256", ""),
        )

    def holds(self, key: str, length: int, sha256: str, checksum: str) -> bool:
        """Return whether these very bytes lie there; raises as ``check``.

        Parameters
        ----------
        key : str
            Of the object.
        length : int
            Of the file [bytes].
        sha256 : str
            Of the file, hexadecimal.
        checksum : str
            As ``Content.checksum`` says it.
        """
        found = self.find(key)
        if found is None or (found.length, found.sha256) != (length, sha256):
            return False
        if not found.checksum:
            return self.read_sha256(key) == sha256
        # Some stores leave the number of parts away.
        return found.checksum.partition("-")[0] == checksum.partition("-")[0]

    def read_sha256(self, key: str) -> str | None:
        """Read an object and return the SHA-256 of its bytes, None where it is not there.

        Raises as ``check``.
        """
        digest = hashlib.sha256()
        try:
            with sorted_errors(f"read {key}"):
                body = self.client.get_object(Bucket=self.name, Key=key)["Body"]
                for piece in body.iter_chunks(READ_BYTES):
                    digest.update(piece)
        except S3RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return digest.hexdigest()

    def upload(
        self,
        key: str,
        what: Content,
        upload_id: str | None,
        begun: Callable[[str], None],
        until_s: float,
    ) -> bool:
        """Put a file in its place, whole or not at all; one that is there is replaced.

        Parameters
        ----------
        key : str
            Of the object.
        what : Content
            The file.
        upload_id : str or None
            Of an upload in parts that was begun before: parts that arrived are not sent again.
        begun : callable
            Told the upload's id before its first part is sent.
        until_s : float
            No further part is begun after this moment of ``time.monotonic()`` [s].

        Returns
        -------
        bool
            False where time was up before the last part.

        Raises
        ------
        ChangedError
            If the file is not what was measured.
        S3RefusedError, TransientError
            As ``check``.
        """
        place = {"Bucket": self.name, "Key": key}
        transfer = Transfer(self.client, place, what, self._makes_checksums)
        metadata = {METADATA: what.sha256}
        if len(what.digests) > 1:
            return transfer.send(metadata, upload_id, begun, until_s)
        body = what.part(1)
        with sorted_errors(f"put {key}"):
            self.client.put_object(
                **place, Body=body, Metadata=metadata, **transfer.checks(what.digests[0])
            )
        return True
