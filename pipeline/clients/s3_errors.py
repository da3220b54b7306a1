"""What S3 answers, sorted by who can help: time, or a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)

from broker.errors import TransientError

NO_CREDENTIALS = (
    "S3: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment "
    "of the workers, or give the machine a role"
)
NO_SUCH_UPLOAD = "NoSuchUpload"
"""Ended, or thrown away: a matter of one file."""
_PASSES = frozenset(
    {
        "BadDigest",  # the bytes that arrived are not those that were sent
        "IncompleteBody",
        "InvalidPart",
        "OperationAborted",
        "RequestTimeout",
        "SlowDown",
        "XAmzContentSHA256Mismatch",
    }
)
_FOR_A_PERSON = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,  # another region's bucket
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,  # an absent object is no error here: the bucket is gone
        HTTPStatus.INSUFFICIENT_STORAGE,
    }
)
_LASTING = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.INSUFFICIENT_STORAGE})
_LOGIN = frozenset({"ExpiredToken", "InvalidToken", "AuthorizationHeaderMalformed"})


class S3RefusedError(Exception):
    """S3 refuses for good; the same call would be refused again.

    Attributes
    ----------
    status : int
        HTTP status of the answer; 0 without one.
    code : str
        S3's own word for it.
    stops_all : bool
        Every other file would be refused too, until a person acts.
    """

    def __init__(self, text: str, status: int = 0, code: str = "", *, stops_all: bool) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.stops_all = stops_all


@contextmanager
def sorted_errors(call: str) -> Iterator[None]:
    """Raise TransientError or S3RefusedError for what goes wrong in a call of boto3.

    Parameters
    ----------
    call : str
        What is done to what, for the message.
    """
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise S3RefusedError(NO_CREDENTIALS, stops_all=True) from error
    except ClientError as error:
        raise _meaning(call, error) from error
    except ParamValidationError:  # our mistake, no server's
        raise
    except BotoCoreError as error:
        raise TransientError(f"S3: {call}: {error}") from error


def _meaning(call: str, error: ClientError) -> TransientError | S3RefusedError:
    code = str(error.response["Error"].get("Code", ""))
    status = int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    text = f"S3: {call}: {status} {code}: {error.response['Error'].get('Message', '')}"
    is_busy = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status not in _LASTING
    if is_busy or status == HTTPStatus.TOO_MANY_REQUESTS or code in _PASSES:
        return TransientError(text)
    stops_all = status in _FOR_A_PERSON or code in _LOGIN
    return S3RefusedError(text, status, code, stops_all=stops_all and code != NO_SUCH_UPLOAD)
