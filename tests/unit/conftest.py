"""Unit tests open no connection."""

import socket
from typing import Any, NoReturn

import pytest


@pytest.fixture(autouse=True)
def _no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_socket: socket.socket, address: Any) -> NoReturn:
        pytest.fail(f"a unit test wanted to connect to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
