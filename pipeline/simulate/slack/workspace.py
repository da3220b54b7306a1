"""The stand-in's memory: channels, people, messages and files; what is posted survives a restart.

Messages are lines of a file, the newest line of a message wins; uploaded files lie beside it.
"""

import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.clients.slack_manifest import SCOPES
from pipeline.simulate.slack.triggers import Triggers

BOT_ID, BOT_USER = "B0NIGHTJAR", "U0NIGHTJAR"
TEAM = {"id": "T0STANDIN", "domain": "standin"}
LOG = "messages.jsonl"
IS_REMOVED = "is_removed"
FILE_ID = re.compile(r"F\d{10}")

Entry = dict[str, Any]
"""One message, as Slack describes it."""


@dataclass
class Channel:
    """A channel, or the direct messages of one person with the bot."""

    id: str
    name: str
    has_bot: bool = True
    is_archived: bool = False


@dataclass
class Upload:
    """A file on its way: asked for, perhaps sent, perhaps shared."""

    id: str
    name: str
    length: int
    alt_text: str = ""
    has_content: bool = False


@dataclass
class Workspace:
    """One workspace of Slack with one app in it.

    Attributes
    ----------
    folder : Path
        Where messages and files are kept.
    token, signing_secret : str
        The app's.
    people : dict
        Name of each person by user id.
    scopes : sequence of str
        Rights of the token, as the app's manifest asks for them.
    """

    folder: Path
    token: str
    signing_secret: str
    channels: dict[str, Channel]
    people: dict[str, str]
    messages: dict[tuple[str, str], Entry] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    whispers: list[Entry] = field(default_factory=list)
    triggers: Triggers = field(default_factory=Triggers)
    lock: threading.RLock = field(default_factory=threading.RLock)
    scopes: Sequence[str] = tuple(SCOPES)
    version: int = 0
    _last_us: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / LOG
        for line in log.read_text().splitlines() if log.exists() else ():
            entry = json.loads(line)
            self._put(entry)
            self._open_again(entry["channel"])

    def new_ts(self) -> str:
        """Return a ts that is greater than every one before."""
        with self.lock:
            self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
            return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def new_id(self, letter: str) -> str:
        """Return an id as Slack makes them: a letter for its kind, then capitals and digits."""
        return f"{letter}{self.new_ts().replace('.', '')[-10:]}"

    def keep(self, entry: Entry) -> None:
        """Keep a message, new or changed."""
        with self.lock:
            self._put(entry)
            self.version += 1
            with (self.folder / LOG).open("a") as log:
                log.write(json.dumps(entry) + "\n")

    def remove(self, entry: Entry) -> None:
        """Remove a message; the log says so."""
        self.keep({"channel": entry["channel"], "ts": entry["ts"], IS_REMOVED: True})

    def whisper(self, entry: Entry) -> None:
        """Keep what one person sees until the next start."""
        with self.lock:
            self.whispers.append(entry)
            self.version += 1

    def in_channel(self, channel: str) -> list[Entry]:
        """Return a channel's messages that are no replies, the oldest first."""
        return [
            each for each in self._of(channel) if each.get("thread_ts", each["ts"]) == each["ts"]
        ]

    def in_thread(self, channel: str, thread_ts: str) -> list[Entry]:
        """Return the first message of a thread and its replies, the oldest first."""
        return [
            each for each in self._of(channel) if each.get("thread_ts", each["ts"]) == thread_ts
        ]

    def direct(self, user: str) -> Channel:
        """Return the channel of direct messages to a person."""
        with self.lock:
            return self.channels.setdefault(f"D{user[1:]}", Channel(f"D{user[1:]}", f"@{user}"))

    def file_path(self, file_id: str) -> Path:
        """Return where an uploaded file lies.

        Raises
        ------
        ValueError
            If the id is none of ours.
        """
        if not FILE_ID.fullmatch(file_id):
            raise ValueError(f"no file {file_id!r}")
        return self.folder / file_id

    def _put(self, entry: Entry) -> None:
        place = (entry["channel"], entry["ts"])
        if IS_REMOVED in entry:
            self.messages.pop(place, None)
        else:
            self.messages[place] = entry

    def _of(self, channel: str) -> Iterator[Entry]:
        with self.lock:
            kept = sorted(key for key in self.messages if key[0] == channel)
            return iter([self.messages[key] for key in kept])

    def _open_again(self, channel: str) -> None:
        if channel.startswith("D"):
            self.direct(f"U{channel[1:]}")
