"""What a person is told while servers start."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from compose.native import lifecycle
from compose.native.home import NativeError


def test_a_server_that_takes_long_is_named_until_it_is_ready(monkeypatch):
    monkeypatch.setattr(lifecycle, "TELL_EVERY_S", 0.01)
    ready = Event()

    def kafka():
        ready.wait(30)
        return "kafka: started"

    said = []

    def take(line, **_options):
        said.append(line)
        if "not ready yet" in line:
            ready.set()

    monkeypatch.setattr("builtins.print", take)
    with ThreadPoolExecutor() as pool:
        lifecycle.tell(
            {pool.submit(lambda: "redis: started"): "redis", pool.submit(kafka): "kafka"}
        )

    assert said[0] == "redis: started"
    assert said[1].endswith("kafka not ready yet")
    assert said[-1] == "kafka: started"


def test_a_server_that_cannot_start_is_an_error():
    def fail():
        raise NativeError("port 5432 is taken")

    with ThreadPoolExecutor() as pool, pytest.raises(NativeError, match="5432"):
        lifecycle.tell({pool.submit(fail): "postgres"})
