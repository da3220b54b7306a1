"""Whether strangers may read a bucket, as far as it may be asked."""

from http import HTTPStatus
from typing import Any, Literal

from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_errors import S3RefusedError, sorted_errors

Privacy = Literal["private", "public", "unknown"]
_STRANGERS = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)
_NO_POLICY = "NoSuchBucketPolicy"
_MAY_NOT_ASK = frozenset(
    {HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
"""Refused, or not known to this store."""


def privacy(bucket: Bucket) -> Privacy:
    """Return whether a bucket's policy and list of rights let strangers in.

    No policy is none that lets them in; a store that may not be asked, or does not know the
    question, leaves it unknown.

    Raises
    ------
    S3RefusedError, TransientError
        As ``Bucket.check``.
    """
    answers = (_policy_is_public(bucket), _rights_are_public(bucket))
    if True in answers:
        return "public"
    return "unknown" if None in answers else "private"


def _policy_is_public(bucket: Bucket) -> bool | None:
    answer = _ask(bucket, "get_bucket_policy_status")
    return None if answer is None else bool(answer.get("PolicyStatus", {}).get("IsPublic"))


def _rights_are_public(bucket: Bucket) -> bool | None:
    answer = _ask(bucket, "get_bucket_acl")
    if answer is None:
        return None
    return any(each["Grantee"].get("URI") in _STRANGERS for each in answer.get("Grants", ()))


def _ask(bucket: Bucket, operation: str) -> dict[str, Any] | None:
    """Return an answer, empty where there is nothing to tell, None where it may not be asked."""
    try:
        with sorted_errors(f"{operation} of {bucket.name}"):
            answer: dict[str, Any] = getattr(bucket.client, operation)(Bucket=bucket.name)
    except S3RefusedError as error:
        if error.code == _NO_POLICY:
            return {}
        if error.status in _MAY_NOT_ASK:
            return None
        raise
    return answer
