"""What Slack's refusals mean: for good, for now, or nobody knows."""

from collections.abc import Mapping
from typing import Any, NoReturn

from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState

from broker.errors import TransientError

TOO_MANY = 429
SERVER_ERROR = 500
BLOCKS_REFUSED = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
)
"""The message is at fault, not the channel: its plain text may still pass."""
FOR_NOW = frozenset(
    {"fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"}
)
"""Slack's own troubles; it is not said whether the call was carried out."""
RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
LONGEST_WAIT_S = 5.0
"""Whoever is asked to wait for longer comes again later: a task has a time limit."""
SHORTEST_REST_S = 1.0
LONGEST_REST_S = 3600.0
"""Of who comes again later, whatever Slack or a proxy before it says."""
_NO_JSON = "Received a response in a non-JSON format"
"""What slack_sdk puts in the place of an error's code when a proxy answered."""


class SlackRefusedError(Exception):
    """Slack will never do this: a person must mend a setting or the app's rights.

    Attributes
    ----------
    code : str
        Slack's word for it, for example ``channel_not_found``.
    """

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack: {method}: {code}")
        self.code = code


class SlackUntouchedError(TransientError):
    """The call was not carried out, and never will be: it may be made again at once."""


class SlackBusyError(SlackUntouchedError):
    """Slack was asked too often; the call was not carried out.

    Attributes
    ----------
    wait_s : float
        Before the next try [s]; from ``SHORTEST_REST_S`` to ``LONGEST_REST_S``.
    """

    def __init__(self, method: str, wait_s: float) -> None:
        super().__init__(f"Slack: {method}: too many calls, wait {wait_s:g} s")
        self.wait_s = min(max(wait_s, SHORTEST_REST_S), LONGEST_REST_S)


class ShortWaits(RateLimitErrorRetryHandler):
    """Calls again after the wait that Slack asks for, where that is short."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        is_limited = super()._can_retry(
            state=state, request=request, response=response, error=error
        )
        if response is None or not is_limited:
            return False
        return _retry_after_s(response.headers) <= LONGEST_WAIT_S


def raise_translated(method: str, error: SlackApiError) -> NoReturn:
    """Raise our error for Slack's answer; its text holds Slack's code and nothing of ours.

    Raises
    ------
    SlackBusyError
        If the call was refused for now.
    TransientError
        If Slack is in trouble: it may have carried out the call, or not.
    SlackRefusedError
        If it is refused for good.
    """
    code = str(error.response.get("error") or "no reason given")
    if error.response.status_code == TOO_MANY or code in RATE_LIMITED:
        raise SlackBusyError(method, _retry_after_s(error.response.headers)) from None
    is_trouble = error.response.status_code >= SERVER_ERROR or code in FOR_NOW
    if is_trouble or code.startswith(_NO_JSON):
        raise TransientError(f"Slack: {method}: {error.response.status_code} {code}") from None
    raise SlackRefusedError(method, code) from None


def _retry_after_s(headers: Mapping[str, Any]) -> float:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = value if isinstance(value, str) else value[0]
            return float(text) if text.isdigit() else 1.0
    return 1.0
