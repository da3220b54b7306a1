"""An upload in parts that may be cut off anywhere and goes on where it was."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from broker.failpoints import failpoint
from pipeline.clients.s3_content import Content, base64
from pipeline.clients.s3_errors import NO_SUCH_UPLOAD, S3RefusedError, sorted_errors


@dataclass(frozen=True)
class Transfer:
    """One file on its way.

    Attributes
    ----------
    client : object
        boto3's.
    place : mapping
        Bucket and key, as boto3 names them.
    what : Content
        The file.
    makes_checksums : bool
        Whether the store is asked to check each part.
    """

    client: Any
    place: Mapping[str, str]
    what: Content
    makes_checksums: bool

    def checks(self, digest: bytes) -> dict[str, str]:
        """Return what lets the store refuse other bytes than these."""
        if not self.makes_checksums:
            return {}
        return {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": base64(digest)}

    def send(
        self,
        metadata: Mapping[str, str],
        upload_id: str | None,
        begun: Callable[[str], None],
        until_s: float,
    ) -> bool:
        """Send what has not arrived yet; False where time was up before the last part.

        The parameters, and what is raised, are those of ``Bucket.upload``.
        """
        arrived = self._arrived(upload_id) if upload_id else None
        if upload_id is None or arrived is None:
            upload_id, arrived = self._begin(metadata), {}
            begun(upload_id)
        for number, digest in enumerate(self.what.digests, 1):
            if number in arrived:
                continue
            if time.monotonic() > until_s:
                return False
            arrived[number] = self._send_part(upload_id, number, digest)
            failpoint("s3_part_sent")
        self._complete(upload_id, arrived)
        return True

    def _begin(self, metadata: Mapping[str, str]) -> str:
        self._abandon()
        kind = {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}
        with self._sorted("begin"):
            begun = self.client.create_multipart_upload(
                **self.place, Metadata=metadata, **(kind if self.makes_checksums else {})
            )
        return str(begun["UploadId"])

    def _abandon(self) -> None:
        """Throw away the parts of earlier uploads of this key: nobody knows their file any more."""
        bucket, key = self.place["Bucket"], self.place["Key"]
        with self._sorted("list uploads of"):
            found = self.client.list_multipart_uploads(Bucket=bucket, Prefix=key)
        for each in found.get("Uploads", ()):
            if each["Key"] == key:
                with self._sorted("abort an upload of"):
                    self.client.abort_multipart_upload(**self.place, UploadId=each["UploadId"])

    def _arrived(self, upload_id: str) -> dict[int, str] | None:
        """Return the tags of the parts that lie there as they should, None of an ended upload."""
        pages = self.client.get_paginator("list_parts")
        try:
            with self._sorted("list parts of"):
                parts = [
                    part
                    for page in pages.paginate(**self.place, UploadId=upload_id)
                    for part in page.get("Parts", ())
                ]
        except S3RefusedError as error:
            if error.code == NO_SUCH_UPLOAD:
                return None
            raise
        return {part["PartNumber"]: part["ETag"] for part in parts if self._is_ours(part)}

    def _is_ours(self, part: Mapping[str, Any]) -> bool:
        number = part["PartNumber"]
        if number > len(self.what.digests):
            return False
        if checksum := part.get("ChecksumSHA256"):
            return bool(checksum == base64(self.what.digests[number - 1]))
        # A store that keeps no checksum of a part has its MD5 for a tag.
        md5 = hashlib.md5(self.what.part(number), usedforsecurity=False).hexdigest()
        return bool(part["ETag"].strip('"') == md5)

    def _send_part(self, upload_id: str, number: int, digest: bytes) -> str:
        body = self.what.part(number)
        with self._sorted(f"put part {number} of"):
            answer = self.client.upload_part(
                **self.place,
                UploadId=upload_id,
                PartNumber=number,
                Body=body,
                **self.checks(digest),
            )
        return str(answer["ETag"])

    def _complete(self, upload_id: str, arrived: Mapping[int, str]) -> None:
        parts = []
        for number, digest in enumerate(self.what.digests, 1):
            part: dict[str, Any] = {"PartNumber": number, "ETag": arrived[number]}
            if self.makes_checksums:
                part["ChecksumSHA256"] = base64(digest)
            parts.append(part)
        with self._sorted("complete"):
            self.client.complete_multipart_upload(
                **self.place, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )

    def _sorted(self, verb: str) -> Any:
        return sorted_errors(f"{verb} {self.place['Key']}")
