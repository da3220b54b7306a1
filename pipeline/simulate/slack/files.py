"""Files in three calls: an address is granted, the file sent there, then shared in a channel."""

import json
from typing import Any

from pipeline.simulate.slack.refusal import Arguments, Refusal, member_channel
from pipeline.simulate.slack.workspace import BOT_ID, BOT_USER, Upload, Workspace

LARGEST_BYTES = 64 * 2**20


def grant(workspace: Workspace, asked: Arguments, url: str) -> dict[str, Any]:
    """Answer ``files.getUploadURLExternal``."""
    name, length = str(asked.get("filename") or ""), int(asked.get("length") or 0)
    if not name or not 0 < length <= LARGEST_BYTES:
        raise Refusal("invalid_arguments")
    upload = Upload(workspace.new_id("F"), name, length, str(asked.get("alt_txt") or ""))
    workspace.uploads[upload.id] = upload
    return {"upload_url": f"{url}/upload/{upload.id}", "file_id": upload.id}


def receive(workspace: Workspace, file_id: str, content: bytes) -> bool:
    """Keep what was sent to a granted address; return whether it is as announced."""
    upload = workspace.uploads.get(file_id)
    if upload is None or len(content) != upload.length:
        return False
    workspace.file_path(upload.id).write_bytes(content)
    upload.has_content = True
    return True


def complete(workspace: Workspace, asked: Arguments, url: str) -> dict[str, Any]:
    """Answer ``files.completeUploadExternal``: one message that shows the files."""
    channel = member_channel(workspace, asked, "channel_id")
    named = json.loads(str(asked.get("files") or "[]"))
    uploads = [workspace.uploads.get(str(each.get("id"))) for each in named]
    if not uploads or not all(upload and upload.has_content for upload in uploads):
        raise Refusal("file_not_found")
    files = [
        {
            "id": upload.id,
            "name": upload.name,
            "title": each.get("title") or upload.name,
            "alt_txt": upload.alt_text,
            "url_private": f"{url}/files/{upload.id}",
        }
        for upload, each in zip(uploads, named, strict=True)
        if upload
    ]
    entry = {
        "type": "message",
        "subtype": "file_share",
        "channel": channel,
        "ts": workspace.new_ts(),
        "user": BOT_USER,
        "bot_id": BOT_ID,
        "text": str(asked.get("initial_comment") or ""),
        "files": files,
    }
    if thread_ts := asked.get("thread_ts"):
        entry["thread_ts"] = thread_ts
    workspace.keep(entry)
    for upload in uploads:
        workspace.uploads.pop(upload.id if upload else "")  # an address is good for one sharing
    return {"files": [{"id": file["id"], "title": file["title"]} for file in files]}
