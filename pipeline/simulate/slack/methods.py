"""The methods of Slack's Web API that the project calls, with Slack's refusals."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.simulate.slack import files, views
from pipeline.simulate.slack.refusal import Arguments, Refusal, member_channel, open_channel
from pipeline.simulate.slack.rules import problems_of_blocks
from pipeline.simulate.slack.workspace import BOT_ID, BOT_USER, TEAM, Entry, Workspace

LONGEST_TEXT = 40_000
PAGE = 100
Answer = dict[str, Any]


def call(workspace: Workspace, method: str, arguments: Arguments, token: str, url: str) -> Answer:
    """Carry out one call and return Slack's answer.

    Parameters
    ----------
    workspace : Workspace
        What it works on.
    method : str
        For example ``chat.postMessage``.
    arguments : mapping
        As they came, form or JSON.
    token : str
        Of the caller.
    url : str
        Of this server, for addresses in answers, without a slash at its end.
    """
    try:
        return {"ok": True} | _method(workspace, method, token)(workspace, arguments, url)
    except Refusal as refusal:
        details = {"response_metadata": {"messages": refusal.details}} if refusal.details else {}
        return {"ok": False, "error": refusal.code} | details


def _method(
    workspace: Workspace, method: str, token: str
) -> Callable[[Workspace, Arguments, str], Answer]:
    if token != workspace.token:
        raise Refusal("invalid_auth" if token else "not_authed")
    if method not in METHODS:
        raise Refusal("unknown_method")
    return METHODS[method]


def _auth_test(_: Workspace, __: Arguments, url: str) -> Answer:
    return {"url": f"{url}/", "team": "Stand-in", "user": "nightjar"} | {
        "team_id": TEAM["id"],
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
    }


def _users_info(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    user = str(asked.get("user"))
    if user not in workspace.people:
        raise Refusal("user_not_found")
    name = workspace.people[user]
    return {"user": {"id": user, "name": name.lower(), "real_name": name}}


def _post(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    channel = member_channel(workspace, asked)
    entry = {
        "type": "message",
        "channel": channel,
        "ts": workspace.new_ts(),
        "user": BOT_USER,
        "bot_id": BOT_ID,
        **_said(asked),
    }
    if thread_ts := asked.get("thread_ts"):
        if (channel, thread_ts) not in workspace.messages:
            raise Refusal("thread_not_found")
        entry["thread_ts"] = thread_ts
    workspace.keep(entry)
    return {"channel": channel, "ts": entry["ts"], "message": _shown(entry, asked)}


def _update(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    channel = member_channel(workspace, asked)
    before = workspace.messages.get((channel, str(asked.get("ts"))))
    if before is None:
        raise Refusal("message_not_found")
    if before.get("bot_id") != BOT_ID:
        raise Refusal("cant_update_message")
    # Slack keeps the metadata of a message whose update names none.
    entry = {**before, **_said(asked), "edited": {"user": BOT_USER, "ts": workspace.new_ts()}}
    workspace.keep(entry)
    return {"channel": channel, "ts": entry["ts"], "text": entry["text"]}


def _delete(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    channel, ts = member_channel(workspace, asked), str(asked.get("ts"))
    before = workspace.messages.get((channel, ts))
    if before is None:
        raise Refusal("message_not_found")
    if before.get("bot_id") != BOT_ID:
        raise Refusal("cant_delete_message")
    workspace.remove(before)
    return {"channel": channel, "ts": ts}


def _whisper(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    channel = member_channel(workspace, asked)
    if asked.get("user") not in workspace.people:
        raise Refusal("user_not_in_channel")
    entry = {"channel": channel, "ts": workspace.new_ts(), "to": asked["user"], **_said(asked)}
    workspace.whisper(entry | {"thread_ts": asked.get("thread_ts", "")})
    return {"message_ts": entry["ts"]}


def _permalink(workspace: Workspace, asked: Arguments, url: str) -> Answer:
    channel, ts = open_channel(workspace, asked), str(asked.get("message_ts"))
    entry = workspace.messages.get((channel, ts))
    if entry is None:
        raise Refusal("message_not_found")
    thread = f"?thread={entry['thread_ts']}" if "thread_ts" in entry else ""
    return {"channel": channel, "permalink": f"{url}/channels/{channel}{thread}#{ts}"}


def _open_direct(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    users = str(asked.get("users", "")).split(",")
    if users[0] not in workspace.people:
        raise Refusal("user_not_found")
    return {"channel": {"id": workspace.direct(users[0]).id}}


def _history(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    channel = member_channel(workspace, asked)
    return _page(reversed(workspace.in_channel(channel)), asked)


def _replies(workspace: Workspace, asked: Arguments, _: str) -> Answer:
    channel = member_channel(workspace, asked)
    found = workspace.in_thread(channel, str(asked.get("ts")))
    if not found:
        raise Refusal("thread_not_found")
    return _page(iter(found), asked)


def _page(entries: Iterator[Entry], asked: Arguments) -> Answer:
    """Return one page of messages; the cursor is where the next one begins."""
    oldest = float(asked.get("oldest") or 0)
    fitting = [each for each in entries if float(each["ts"]) > oldest]
    begin, limit = int(asked.get("cursor") or 0), int(asked.get("limit") or PAGE)
    page = [_shown(each, asked) for each in fitting[begin : begin + limit]]
    has_more = begin + limit < len(fitting)
    return {
        "messages": page,
        "has_more": has_more,
        "response_metadata": {"next_cursor": str(begin + limit) if has_more else ""},
    }


def _shown(entry: Entry, asked: Arguments) -> Entry:
    """Return a message without what only those see who ask for it."""
    wants_metadata = str(asked.get("include_all_metadata", "0")).lower() in {"1", "true"}
    return {
        name: value
        for name, value in entry.items()
        if name != "channel" and (name != "metadata" or wants_metadata)
    }


def _said(asked: Arguments) -> Entry:
    """Return text, blocks and metadata of a message.

    Raises
    ------
    Refusal
        As Slack refuses them.
    """
    text, blocks = str(asked.get("text") or ""), _parsed(asked.get("blocks") or [])
    if not (text or blocks):
        raise Refusal("no_text")
    if len(text) > LONGEST_TEXT:
        raise Refusal("msg_too_long")
    if problems := list(problems_of_blocks(blocks)):
        raise Refusal("invalid_blocks", problems)
    said: Entry = {"text": text, "blocks": blocks}
    if metadata := _parsed(asked.get("metadata")):
        if not (isinstance(metadata, dict) and {"event_type", "event_payload"} <= metadata.keys()):
            raise Refusal("invalid_metadata_format")
        said["metadata"] = metadata
    return said


def _parsed(value: Any) -> Any:
    """Return what a form carries as JSON text, and a JSON body as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise Refusal("invalid_arguments") from None


METHODS: Mapping[str, Callable[[Workspace, Arguments, str], Answer]] = {
    "auth.test": _auth_test,
    "users.info": _users_info,
    "chat.postMessage": _post,
    "chat.update": _update,
    "chat.delete": _delete,
    "chat.postEphemeral": _whisper,
    "chat.getPermalink": _permalink,
    "conversations.open": _open_direct,
    "conversations.history": _history,
    "conversations.replies": _replies,
    "files.getUploadURLExternal": files.grant,
    "files.completeUploadExternal": files.complete,
    "views.open": views.open_view,
}
