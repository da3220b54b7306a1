"""The drill's bad wire, between a plain client and a server that echoes."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.drill.proxy import BLACKHOLE, PASS, REFUSE, RESET, Proxy, cut, slow

PATIENCE_S = 10.0
SILENCE_S = 0.3


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while received := self.request.recv(4096):
                self.request.sendall(received)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Proxy(server.server_address[1]) as wire:
            yield wire
        server.shutdown()


def connect(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)
    client.settimeout(PATIENCE_S)
    return client


def ask(client: socket.socket, question: bytes) -> bytes:
    """Return the answer as long as the question, or as much of it as came."""
    client.sendall(question)
    answer = b""
    while len(answer) < len(question) and (piece := client.recv(4096)):
        answer += piece
    return answer


def until_reset(client: socket.socket) -> bytes:
    """Return what came before the connection was reset; an orderly end is none."""
    came = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := client.recv(4096):
            came += piece
        pytest.fail("the connection ended in good order")
    return came


def test_a_good_wire_changes_nothing(proxy):
    with connect(proxy) as client:
        assert ask(client, b"x" * 200_000) == b"x" * 200_000


def test_a_slow_wire_delays_both_ways(proxy):
    proxy.set(slow(0.2))

    with connect(proxy) as client:
        began = time.monotonic()
        assert ask(client, b"late") == b"late"
        assert time.monotonic() - began >= 0.4


def test_a_black_hole_keeps_what_it_got_until_it_opens(proxy):
    with connect(proxy) as client:
        proxy.set(BLACKHOLE)
        client.sendall(b"kept")
        client.settimeout(SILENCE_S)
        with pytest.raises(TimeoutError):
            client.recv(4096)

        proxy.set(PASS)
        client.settimeout(PATIENCE_S)

        assert client.recv(4096) == b"kept"


def test_a_black_hole_takes_new_connections(proxy):
    proxy.set(BLACKHOLE)

    with connect(proxy) as client:
        client.settimeout(SILENCE_S)
        client.sendall(b"anybody?")
        with pytest.raises(TimeoutError):
            client.recv(4096)


def test_a_refusing_wire_ends_what_is_open_and_takes_nothing_new(proxy):
    with connect(proxy) as client:
        ask(client, b"open")
        proxy.set(REFUSE)

        with pytest.raises(ConnectionResetError):
            client.recv(4096)
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)


def test_a_wire_that_refused_is_found_again_at_its_port(proxy):
    before = proxy.port
    proxy.set(REFUSE)
    proxy.set(PASS)

    assert proxy.port == before
    with connect(proxy) as client:
        assert ask(client, b"back") == b"back"


def test_a_resetting_wire_tears_every_connection_down(proxy):
    with connect(proxy) as client:
        ask(client, b"open")
        proxy.set(RESET)

        with pytest.raises(ConnectionResetError):
            client.recv(4096)
        with pytest.raises(ConnectionResetError), connect(proxy) as another:
            another.recv(4096)


def test_a_cut_wire_breaks_in_mid_answer(proxy):
    proxy.set(cut(1000))

    with connect(proxy) as client:
        client.sendall(b"y" * 4000)

        assert until_reset(client) == b"y" * 1000


def test_a_server_that_is_away_looks_like_a_reset(proxy):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with (
            Proxy(nobody.getsockname()[1]) as wire,
            pytest.raises(ConnectionResetError),
            connect(wire) as client,
        ):
            client.recv(4096)
