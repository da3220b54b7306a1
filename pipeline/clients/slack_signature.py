"""Whether a request really comes from Slack."""

import re

from slack_sdk.signature import Clock, SignatureVerifier

_UNIX_S = re.compile(r"[0-9]{1,12}")
"""Python refuses to read numbers of thousands of digits, which anybody may send."""


def is_signed(
    secret: str, body: bytes, timestamp: str, signature: str, *, clock: Clock | None = None
) -> bool:
    """Return whether Slack signed a body, at most five minutes ago.

    Parameters
    ----------
    secret : str
        The app's signing secret; with an empty one nothing is believed.
    body : bytes
        As it came, before anything is parsed.
    timestamp, signature : str
        Of the headers ``X-Slack-Request-Timestamp`` and ``X-Slack-Signature``.
    clock : Clock, optional
        Of slack_sdk; the system's when not given.
    """
    if not secret or not _UNIX_S.fullmatch(timestamp) or not signature.isascii():
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False  # Slack sends a form, in ASCII
    verifier = SignatureVerifier(secret, clock or Clock())
    return bool(verifier.is_valid(text, timestamp, signature))
