"""How the stand-in refuses, and what most methods refuse first."""

from collections.abc import Mapping
from typing import Any

from pipeline.simulate.slack.workspace import Workspace

Arguments = Mapping[str, Any]


class Refusal(Exception):
    """Slack's word for why a call is refused, and what it says in detail."""

    def __init__(self, code: str, details: list[str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.details = details or []


def open_channel(workspace: Workspace, asked: Arguments, name: str = "channel") -> str:
    """Return the id of the channel that is asked for.

    Raises
    ------
    Refusal
        If there is none, or nobody may write there any more.
    """
    channel = workspace.channels.get(str(asked.get(name)))
    if channel is None:
        raise Refusal("channel_not_found")
    if channel.is_archived:
        raise Refusal("is_archived")
    return channel.id


def member_channel(workspace: Workspace, asked: Arguments, name: str = "channel") -> str:
    """Return the id of the channel that is asked for and that the bot was invited to.

    Raises
    ------
    Refusal
        As :func:`open_channel`, and if the bot is no member.
    """
    channel = open_channel(workspace, asked, name)
    if not workspace.channels[channel].has_bot:
        raise Refusal("not_in_channel")
    return channel
