"""The stand-in's HTTP: Slack's Web API, uploads, the page, and faults on request."""

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.simulate.slack import clicks, files, methods, page
from pipeline.simulate.slack.faults import Fault, Faults
from pipeline.simulate.slack.workspace import Workspace

HOST = "127.0.0.1"
LARGEST_BODY_BYTES = files.LARGEST_BYTES
ASSETS = {"/page.css": "text/css", "/page.js": "text/javascript"}
CSP = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
CHANGED = "This message has changed and has no such button any more: this is how it stands now."
CLOSED = "This dialog was closed meanwhile."
PNG = b"\x89PNG\r\n\x1a\n"


class StandIn(ThreadingHTTPServer):
    """A running stand-in.

    Parameters
    ----------
    workspace : Workspace
        What it serves.
    port : int
        On loopback; 0 takes a free one.
    action_url : str
        Where clicks are sent; empty: nowhere.
    """

    daemon_threads = True

    def __init__(self, workspace: Workspace, port: int = 0, action_url: str = "") -> None:
        super().__init__((HOST, port), Handler)
        self.workspace = workspace
        self.action_url = action_url
        self.faults = Faults()
        self.calls: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about a client that did not wait for its answer."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Return the address of its page, without a slash at its end."""
        return f"http://{HOST}:{self.server_address[1]}"

    @property
    def base_url(self) -> str:
        """Return the address of its Web API, for ``slack.base_url``."""
        return f"{self.url}/api/"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: StandIn
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a call of the Web API, a file, a click, a filled-in dialog or an order to fail."""
        path = urlsplit(self.path).path
        body = self._body()
        if path.startswith("/api/"):
            self._call(path.removeprefix("/api/"), body)
        elif path.startswith("/upload/"):
            self._upload(path.removeprefix("/upload/"), body)
        elif not self._is_own():
            self._answer(403, "text/plain", b"another site's form")
        elif path == "/press":
            self._press({name: values[0] for name, values in _form(body).items()})
        elif path == "/submit":
            self._submit(_form(body))
        elif path == "/faults":
            self._order(body)
        else:
            self._answer(404, "text/plain", b"nothing here")

    def do_GET(self) -> None:
        """Show the page, its parts and uploaded files."""
        asked = urlsplit(self.path)
        if asked.path in ASSETS:
            name = asked.path.removeprefix("/")
            content = (Path(__file__).parent / name).read_bytes()
            self._answer(200, f"{ASSETS[asked.path]}; charset=utf-8", content)
        elif asked.path == "/version":
            self._answer(200, "text/plain", str(self.server.workspace.version).encode())
        elif asked.path.startswith("/files/"):
            self._file(asked.path.removeprefix("/files/"))
        else:
            channel = asked.path.removeprefix("/").removeprefix("channels/")
            self._page(channel, {k: v[0] for k, v in parse_qs(asked.query).items()})

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base's name
        """Stay silent: what was posted is on the page."""

    def _call(self, method: str, body: bytes) -> None:
        fault = self.server.faults.take(method)
        self.server.calls.append(method)
        if fault and self._fails_before(fault):
            return
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        workspace, url = self.server.workspace, self.server.url
        answer = methods.call(workspace, method, self._arguments(body), token, url)
        if fault and fault.kind == "drop":
            self._hang_up()
            return
        rights = {"X-OAuth-Scopes": ",".join(self.server.workspace.scopes)}
        self._answer(200, "application/json", json.dumps(answer).encode(), rights)

    def _upload(self, file_id: str, body: bytes) -> None:
        fault = self.server.faults.take("upload")
        if fault and self._fails_before(fault):
            return
        is_good = files.receive(self.server.workspace, file_id, body)
        self._answer(200 if is_good else 400, "text/plain", b"OK" if is_good else b"refused")

    def _fails_before(self, fault: Fault) -> bool:
        """Fail as ordered; return whether that was the answer."""
        if fault.kind == "hang":
            time.sleep(fault.seconds)
        elif fault.kind == "busy":
            retry = {"Retry-After": f"{fault.seconds:.0f}"}
            self._answer(429, "application/json", b'{"ok": false, "error": "ratelimited"}', retry)
        elif fault.kind == "broken":
            self._answer(500, "text/html", b"<h1>Server Error</h1>")
        elif fault.kind == "refuse":
            refused = json.dumps({"ok": False, "error": fault.error}).encode()
            self._answer(200, "application/json", refused)
        elif fault.kind == "cut":
            self._hang_up()
        return fault.kind in {"busy", "broken", "refuse", "cut"}

    def _press(self, form: Mapping[str, str]) -> None:
        workspace = self.server.workspace
        entry = workspace.messages.get((form.get("channel", ""), form.get("ts", "")))
        user = form.get("user", "")
        if user not in workspace.people or form.get("channel", "") not in workspace.channels:
            self._answer(404, "text/plain", b"no such person or channel")
            return
        payload = entry and clicks.press(workspace, user, entry, form.get("action_id", ""))
        if payload is None:
            self._lead_back(_look(form, view=""), CHANGED)
            return
        workspace.triggers.make(payload["trigger_id"], user)
        outcome = self._send(payload)
        look = _look(form, view=workspace.triggers.opened_by(payload["trigger_id"]))
        self._show(look, outcome)

    def _submit(self, form: Mapping[str, list[str]]) -> None:
        workspace = self.server.workspace
        single = {name: values[0] for name, values in form.items()}
        opened = workspace.triggers.view(single.get("view", ""))
        if opened is None:
            self._lead_back(_look(single, view=""), CLOSED)
            return
        user, view = opened
        outcome = self._send(clicks.submit(workspace, user, view, form))
        errors = json.loads(outcome.body or "{}").get("errors", {})
        if outcome.status == 200 and not errors:  # noqa: PLR2004 OK
            workspace.triggers.close(view["id"])
        look = _look(single, view=view["id"])
        if errors:
            said = _said(outcome)
            shown = replace(look, outcome=said, errors=errors, typed=form)
            self._html(page.render(workspace, shown))
            return
        self._show(look, outcome)

    def _send(self, payload: Mapping[str, Any]) -> clicks.Outcome:
        if not self.server.action_url:
            return clicks.Outcome(0, 0)
        return clicks.send(self.server.action_url, self.server.workspace.signing_secret, payload)

    def _show(self, look: page.Look, outcome: clicks.Outcome) -> None:
        """Lead back to the page, with the dialog that is open."""
        view = look.view if self.server.workspace.triggers.view(look.view) else ""
        self._lead_back(replace(look, view=view), _said(outcome))

    def _lead_back(self, look: page.Look, said: str) -> None:
        """Show the page as it stands now."""
        address = look.address(view=look.view, outcome=said)
        self._answer(303, "text/plain", b"", {"Location": address})

    def _page(self, channel: str, asked: Mapping[str, str]) -> None:
        workspace = self.server.workspace
        channel = channel or next(iter(workspace.channels))
        if channel not in workspace.channels:
            self._answer(404, "text/plain", b"no such channel")
            return
        user = asked.get("user", "")
        known = user if user in workspace.people else next(iter(workspace.people))
        thread, view, outcome = (asked.get(name, "") for name in ("thread", "view", "outcome"))
        self._html(page.render(workspace, page.Look(channel, known, thread, view, outcome)))

    def _file(self, file_id: str) -> None:
        try:
            content = self.server.workspace.file_path(file_id).read_bytes()
        except (ValueError, OSError):
            self._answer(404, "text/plain", b"no such file")
            return
        is_picture = content.startswith(PNG)
        self._answer(200, "image/png" if is_picture else "application/octet-stream", content)

    def _order(self, body: bytes) -> None:
        """Take ``{"method", "kind", "times", "seconds", "error"}``; an empty object clears all."""
        order = json.loads(body)
        if not order:
            self.server.faults.clear()
        else:
            method, times = order.pop("method"), int(order.pop("times", 1))
            self.server.faults.add(method, Fault(**order), times)
        self._answer(204, "text/plain", b"")

    def _arguments(self, body: bytes) -> Mapping[str, Any]:
        if self.headers.get_content_type() == "application/json":
            found: Mapping[str, Any] = json.loads(body or b"{}")
            return found
        return {name: values[0] for name, values in _form(body).items()}

    def _is_own(self) -> bool:
        """Return whether a form is of our page, or of a program."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(min(length, LARGEST_BODY_BYTES))

    def _hang_up(self) -> None:
        self.close_connection = True

    def _html(self, text: str) -> None:
        self._answer(200, "text/html; charset=utf-8", text.encode())

    def _answer(
        self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        safe = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff"}
        sizes = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
        }
        for name, value in {**safe, **sizes, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _form(body: bytes) -> dict[str, list[str]]:
    return parse_qs(body.decode(), keep_blank_values=True)


def _said(outcome: clicks.Outcome) -> str:
    return f"answered {outcome.status or 'nothing'} in {outcome.took_s * 1000:.0f} ms"


def _look(form: Mapping[str, str], view: str) -> page.Look:
    return page.Look(form["channel"], form["user"], form.get("thread", ""), view)
