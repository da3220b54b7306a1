"""A server that answers a byte at a time is left when the whole call's time is up."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from broker.errors import TransientError
from pipeline.clients import bounded
from pipeline.clients.schema_registry import SchemaRegistry

pytestmark = pytest.mark.integration
PLENTY_S = 20.0
"""Far beyond what the calls below may take; then the server lets go by itself."""


@contextmanager
def dripping(head: bytes) -> Iterator[str]:
    """Run a server that answers so, and then drips a byte often enough for every time limit."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PLENTY_S)

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(head)
            ends_s = time.monotonic() + PLENTY_S
            while not over.wait(0.02) and time.monotonic() < ends_s:
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        over.set()
        thread.join()
        listener.close()


each_head = pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTT"],
    ids=["headers", "body", "status line"],
)


@each_head
def test_a_registry_that_drips_is_left_in_time(head):
    with dripping(head) as url, pytest.raises(TransientError, match="registry: GET"):
        SchemaRegistry(url, timeout_s=0.3).schema(1)


@each_head
@pytest.mark.parametrize("is_of_all", [True, False], ids=["of all calls", "of one call"])
def test_who_drips_is_left_in_time(monkeypatch, head, is_of_all):
    monkeypatch.setattr(bounded, "MOST_S", PLENTY_S if is_of_all else 0.3)
    in_s = 0.3 if is_of_all else PLENTY_S
    with (
        dripping(head) as url,
        bounded.client(timeout=PLENTY_S) as http,
        bounded.until(time.monotonic() + in_s),
        pytest.raises(TransientError, match=r"more than 0\.\d s"),
    ):
        bounded.get(http, "It", url, 2**20, "*/*")
