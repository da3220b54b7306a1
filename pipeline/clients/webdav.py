"""Folders and files of one account on a WebDAV server, as OwnCloud is one."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, Self
from urllib.parse import quote

import httpx

from broker.errors import TransientError
from broker.failpoints import failpoint
from broker.sections.outside import OwncloudSettings
from pipeline.clients.closing import Closing

LONGEST_NAME_BYTES = 255
"""Of one folder or file, on the file systems behind such servers."""
MAX_REPLY_BYTES = 65_536
"""Nothing is learnt from bodies; what is longer costs the connection."""
_BUSY = frozenset({408, 423, 425, 429})
"""Besides 5xx: timeout, locked, too early, too many; the same call may succeed later."""
_FOR_A_PERSON = frozenset({401, 403, 507})
"""Login refused, forbidden, no space: no file will pass until somebody acts."""


class WebDavRefusedError(Exception):
    """The server refuses for good; the same call would be refused again.

    Attributes
    ----------
    status : int
        HTTP status of the answer.
    """

    def __init__(self, call: str, status: int) -> None:
        super().__init__(f"OwnCloud: {call}: {status} {_phrase(status)}".rstrip())
        self.status = status

    @property
    def stops_all(self) -> bool:
        """Whether every other upload would be refused too, until a person acts."""
        return self.status in _FOR_A_PERSON


class Content(NamedTuple):
    """What is to be uploaded, measured before the first byte is sent."""

    source: Path | bytes
    length_bytes: int
    sha256: str

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Return the bytes as a file."""
        if isinstance(self.source, bytes):
            return nullcontext(BytesIO(self.source))
        return self.source.open("rb")


def content(source: Path | bytes) -> Content:
    """Return ``source`` with its length and checksum; a file is read in pieces."""
    if isinstance(source, bytes):
        return Content(source, len(source), hashlib.sha256(source).hexdigest())
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return Content(source, file.tell(), sha256)


class WebDav(Closing):
    """Folders and files of one account; every call may be repeated.

    Parameters
    ----------
    http : httpx.Client
        With the account's address, login and timeouts.
    """

    @classmethod
    def from_settings(cls, settings: OwncloudSettings) -> Self:
        """Return a client of the account in the settings; close it after use."""
        timeout = httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)
        login = httpx.BasicAuth(settings.user, settings.password.get_secret_value())
        # trust_env: neither a proxy nor a login may come from elsewhere than the settings.
        return cls(
            httpx.Client(base_url=f"{settings.url}/", auth=login, timeout=timeout, trust_env=False)
        )

    def try_login(self, path: str) -> None:
        """Ask for a folder, which may be absent; raises what ``make_folder`` raises."""
        status = self._call("PROPFIND", path, headers={"Depth": "0"})
        _demand(f"PROPFIND {path}", status, {HTTPStatus.MULTI_STATUS, HTTPStatus.NOT_FOUND})

    def make_folder(self, path: str) -> None:
        """Make a folder and those above it; one that exists is left as it is.

        Raises
        ------
        ValueError
            If a part of ``path`` can be no name.
        TransientError
            If the server is away or busy.
        WebDavRefusedError
            If the server refuses.
        """
        status = self._call("MKCOL", path)
        if status == HTTPStatus.CONFLICT and (above := _parent(path)):
            self.make_folder(above)
            status = self._call("MKCOL", path)
        # 405 says that something of this name is there already (RFC 4918, 9.3.1).
        _demand(f"MKCOL {path}", status, {HTTPStatus.CREATED, HTTPStatus.METHOD_NOT_ALLOWED})

    def upload(self, path: str, what: Content) -> None:
        """Put a file in its place, whole or not at all; one that is there is replaced.

        It travels under a name of its own, is measured there, and is moved. Missing folders are
        made. Raises what ``make_folder`` raises; a file that arrived in another length is a
        TransientError.
        """
        place = PurePosixPath(path)
        part = str(place.with_name(f".part-{what.sha256[:8]}-{place.name}"))
        self._put(part, what)
        if (arrived := self._length_bytes(part)) != what.length_bytes:
            raise TransientError(
                f"OwnCloud: PUT {part}: {arrived} of {what.length_bytes} bytes arrived"
            )
        failpoint("file_put")
        destination = {"Destination": str(self._http.base_url.join(_quoted(path)))}
        status = self._call("MOVE", part, headers=destination | {"Overwrite": "T"})
        _demand(f"MOVE {part} to {path}", status, {HTTPStatus.CREATED, HTTPStatus.NO_CONTENT})

    def _put(self, path: str, what: Content) -> None:
        status = self._send(path, what)
        if status == HTTPStatus.CONFLICT and (above := _parent(path)):
            self.make_folder(above)
            status = self._send(path, what)
        _demand(f"PUT {path}", status, {HTTPStatus.CREATED, HTTPStatus.NO_CONTENT, HTTPStatus.OK})

    def _send(self, path: str, what: Content) -> int:
        with what.open() as file:
            return self._call(
                "PUT", path, _pieces(file), {"Content-Length": str(what.length_bytes)}
            )

    def _length_bytes(self, path: str) -> int:
        reply = self._request("HEAD", path)
        _demand(f"HEAD {path}", reply.status_code, {HTTPStatus.OK})
        return int(reply.headers.get("Content-Length", -1))

    def _call(
        self,
        method: str,
        path: str,
        body: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        return self._request(method, path, body, headers).status_code

    def _request(
        self,
        method: str,
        path: str,
        body: Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request; return the answer without its body."""
        call = f"{method} {path}"
        try:
            with self._http.stream(method, _quoted(path), content=body, headers=headers) as reply:
                _drain(reply)
        except httpx.TransportError as error:
            raise TransientError(f"OwnCloud: {call}: {error!r}") from error
        if reply.status_code in _BUSY or (
            reply.is_server_error and reply.status_code not in _FOR_A_PERSON
        ):
            raise TransientError(f"OwnCloud: {call}: {reply.status_code} {reply.reason_phrase}")
        return reply


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(MAX_REPLY_BYTES):
        yield piece


def _drain(reply: httpx.Response) -> None:
    """Read a short body, so that the connection can be used again."""
    read_bytes = 0
    for piece in reply.iter_raw():
        read_bytes += len(piece)
        if read_bytes > MAX_REPLY_BYTES:
            return


def _demand(call: str, status: int, wanted: set[HTTPStatus]) -> None:
    if status not in wanted:
        raise WebDavRefusedError(call, status)


def _quoted(path: str) -> str:
    """Return ``path`` for a URL; a name that leads elsewhere is refused before it is sent."""
    parts = path.split("/")
    for part in parts:
        is_name = part.isprintable() and 0 < len(part.encode()) <= LONGEST_NAME_BYTES
        if not is_name or part in {".", ".."}:
            raise ValueError(f"OwnCloud: {path!r}: {part!r} is no name of a file or folder")
    return "/".join(quote(part, safe="") for part in parts)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
