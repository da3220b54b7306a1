"""Slack's Web API: messages with the id of their delivery, pictures, dialogs, searches.

slack_sdk speaks the protocol. Its default retries are off: they send a message again when the
answer was lost. Whoever posts looks for the delivery's id first instead: ``Slack.find``.
"""

import socket
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from broker.config import Config, config
from broker.errors import TransientError
from pipeline.clients.redirects import NoRedirect
from pipeline.clients.slack_errors import (
    BLOCKS_REFUSED,
    ShortWaits,
    SlackRefusedError,
    SlackUntouchedError,
    raise_translated,
)

Blocks = Sequence[Mapping[str, Any]]
RATE_LIMIT_RETRIES = 2
EVENT_TYPE = "nightjar_delivery"
"""Of the metadata that our messages carry."""
PAGE = 200
MOST_PAGES = 20
"""Messages of one page, and pages of one search: an event's thread is far shorter."""
LONGEST_TEXT = 3000
MARK_CHARACTERS = 13
"""Of a delivery's id in a file's name: 48 random bits."""
_NOBODY_THERE = (ConnectionRefusedError, socket.gaierror)
"""Nothing was sent to anybody."""


class Said(Protocol):
    """What is said: blocks, and one line for notifications and where blocks are refused."""

    @property
    def text(self) -> str:
        """Return the line, in Slack's markup."""

    @property
    def blocks(self) -> Blocks:
        """Return the blocks; none: the line is all."""


@dataclass(frozen=True)
class Picture:
    """An image to be shown below a message.

    Attributes
    ----------
    name : str
        Of the file; a part of the delivery's id is added.
    title, alt_text : str
        Above the image, and for those who do not see it.
    """

    name: str
    content: bytes
    title: str
    alt_text: str


class Slack:
    """One app's bot in one workspace; channels and users are ids."""

    def __init__(self, web: WebClient, upload_hosts: Sequence[str] = ()) -> None:
        self._web = web
        self._upload_hosts = {str(urlsplit(web.base_url).hostname), *upload_hosts}

    def post(self, channel: str, said: Said, delivery_id: str, thread_ts: str = "") -> str:
        """Post a message and return its ts; where its blocks are refused, its plain text."""
        place = {"channel": channel, "metadata": _metadata(delivery_id), "unfurl_links": False}
        if thread_ts:
            place["thread_ts"] = thread_ts
        return self._say(self._web.chat_postMessage, "chat.postMessage", place, said)

    def update(self, channel: str, ts: str, said: Said) -> None:
        """Replace a message of ours; safe to repeat, and Slack keeps its metadata."""
        self._say(self._web.chat_update, "chat.update", {"channel": channel, "ts": ts}, said)

    def delete(self, channel: str, ts: str) -> None:
        """Remove a message of ours; one that is gone already is no error."""
        try:
            self._call("chat.delete", self._web.chat_delete, channel=channel, ts=ts)
        except SlackRefusedError as error:
            if error.code != "message_not_found":
                raise

    def find(
        self, channel: str, delivery_id: str, thread_ts: str = "", oldest_s: float = 0
    ) -> list[str]:
        """Return the ts of each message that a delivery left, the oldest first.

        Parameters
        ----------
        channel, delivery_id : str
            As in :meth:`post`.
        thread_ts : str
            Of the thread to look into; empty: the channel itself.
        oldest_s : float
            Messages before that time are not looked at [Unix s].
        """
        looked_at = self._messages(channel, thread_ts, oldest_s)
        return sorted(str(each["ts"]) for each in looked_at if _is_of(delivery_id, each))

    def upload(self, channel: str, picture: Picture, delivery_id: str, thread_ts: str = "") -> None:
        """Show a picture in a thread: ask for an address, send the file there, share it.

        Files carry no metadata: the delivery is found again by the file's name.
        """
        stem, _, suffix = picture.name.rpartition(".")
        granted = self._call(
            "files.getUploadURLExternal",
            self._web.files_getUploadURLExternal,
            filename=f"{stem}{_mark(delivery_id)}.{suffix}",
            length=len(picture.content),
            alt_txt=picture.alt_text,
        )
        self._send_file(str(granted["upload_url"]), picture.content)
        self._call(
            "files.completeUploadExternal",
            self._web.files_completeUploadExternal,
            files=[{"id": granted["file_id"], "title": picture.title}],
            channel_id=channel,
            thread_ts=thread_ts,
        )

    def open_dialog(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Open a dialog for whoever clicked; the trigger is good for 3 s."""
        self._call("views.open", self._web.views_open, trigger_id=trigger_id, view=dict(view))

    def whisper(self, channel: str, user: str, text: str, thread_ts: str = "") -> None:
        """Say something that one user alone sees, for a while."""
        place = {"thread_ts": thread_ts} if thread_ts else {}
        self._call(
            "chat.postEphemeral",
            self._web.chat_postEphemeral,
            channel=channel,
            user=user,
            text=text[:LONGEST_TEXT],
            **place,
        )

    def link(self, channel: str, ts: str) -> str:
        """Return the address of a message."""
        method = self._web.chat_getPermalink
        return str(
            self._call("chat.getPermalink", method, channel=channel, message_ts=ts)["permalink"]
        )

    def direct_channel(self, user: str) -> str:
        """Return the channel of direct messages to a user; opened where there is none."""
        opened = self._call("conversations.open", self._web.conversations_open, users=[user])
        return str(opened["channel"]["id"])

    def scopes(self) -> frozenset[str]:
        """Return the rights of the token."""
        headers = self._answer("auth.test", self._web.auth_test).headers
        told = [text for name, text in headers.items() if name.lower() == "x-oauth-scopes"]
        return frozenset(scope.strip() for text in told for scope in str(text).split(","))

    def _say(self, method: Callable[..., Any], name: str, place: dict[str, Any], said: Said) -> str:
        text = said.text[:LONGEST_TEXT]
        if said.blocks:
            try:
                return str(
                    self._call(name, method, **place, text=text, blocks=list(said.blocks))["ts"]
                )
            except SlackRefusedError as error:
                if error.code not in BLOCKS_REFUSED:
                    raise
        # An update without blocks would keep those that were there.
        return str(self._call(name, method, **place, text=text, blocks=[])["ts"])

    def _messages(
        self, channel: str, thread_ts: str, oldest_s: float
    ) -> Iterator[Mapping[str, Any]]:
        asked: dict[str, Any] = {"channel": channel, "limit": PAGE, "include_all_metadata": True}
        if oldest_s:
            asked["oldest"] = f"{oldest_s:.6f}"
        name = "conversations.history"
        method: Callable[..., Any] = self._web.conversations_history
        if thread_ts:
            name, method = "conversations.replies", self._web.conversations_replies
            asked["ts"] = thread_ts
        for _ in range(MOST_PAGES):
            page = self._call(name, method, **asked)
            yield from page["messages"]
            asked["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not asked["cursor"]:
                return
        raise TransientError(f"Slack: {name}: more than {MOST_PAGES * PAGE} messages")

    def _send_file(self, url: str, content: bytes) -> None:
        """Send a file where Slack wants it, if that is one of Slack's hosts."""
        address = urlsplit(url)
        if address.hostname not in self._upload_hosts:
            raise SlackRefusedError(
                "upload", f"host {address.hostname} is not in slack.upload_hosts"
            )
        if address.scheme != urlsplit(self._web.base_url).scheme:
            raise SlackRefusedError("upload", f"{address.scheme} instead of that of slack.base_url")
        kind = {"Content-Type": "application/octet-stream"}
        request = urllib.request.Request(url, content, kind, method="POST")  # noqa: S310 checked above
        try:
            with urllib.request.build_opener(NoRedirect).open(
                request, timeout=self._web.timeout
            ) as reply:
                reply.read(PAGE)
        except (OSError, HTTPException) as error:
            raise TransientError(f"Slack: upload: {error!r}") from None

    def _call(self, name: str, method: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._answer(name, method, **arguments).data
        return found

    def _answer(self, name: str, method: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return method(**arguments)
        except SlackApiError as error:
            raise_translated(name, error)
        except URLError as error:
            kind = (
                SlackUntouchedError if isinstance(error.reason, _NOBODY_THERE) else TransientError
            )
            raise kind(f"Slack: {name}: {error!r}") from None
        except (OSError, HTTPException, ValueError) as error:  # the last: a reply that is no JSON
            raise TransientError(f"Slack: {name}: {error!r}") from None


@cache
def slack() -> Slack | None:
    """Return this process's Slack, or None without a token."""
    return connect(config())


def connect(
    settings: Config, timeout_s: float | None = None, *, retries: int = RATE_LIMIT_RETRIES
) -> Slack | None:
    """Return Slack as the settings name it, or None without a token.

    Parameters
    ----------
    settings : Config
        Its section ``slack``.
    timeout_s : float, optional
        Of each call [s]; that of the settings when not given.
    retries : int
        Of a call that came too soon, each after the time that Slack names, where that is short.
    """
    ours = settings.slack
    token = ours.token.get_secret_value()
    if not token:
        return None
    web = WebClient(
        token,
        base_url=ours.base_url,
        timeout=timeout_s or ours.timeout_s,  # type: ignore[arg-type] # urllib takes fractions too
        retry_handlers=[ShortWaits(max_retry_count=retries)],
    )
    return Slack(web, ours.upload_hosts)


def _is_of(delivery_id: str, message: Mapping[str, Any]) -> bool:
    """Tell whether a message was left by a delivery."""
    names = [str(file.get("name")) for file in message.get("files", ())]
    is_picture = any(_mark(delivery_id) in name for name in names)
    return is_picture or message.get("metadata") == _metadata(delivery_id)


def _mark(delivery_id: str) -> str:
    """Return what tells a delivery's file from every other."""
    return f"-{delivery_id[:MARK_CHARACTERS]}"


def _metadata(delivery_id: str) -> dict[str, Any]:
    return {"event_type": EVENT_TYPE, "event_payload": {"delivery_id": delivery_id}}
