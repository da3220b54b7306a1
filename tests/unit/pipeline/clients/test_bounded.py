"""One answer ends: by its size, and by its time."""

import time
from collections.abc import Iterator

import httpx
import pytest

from broker.errors import TransientError
from pipeline.clients import bounded

MiB = 2**20


class _Clock:
    now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class _Drip(httpx.SyncByteStream):
    """A byte every so often, for ever."""

    def __init__(self, clock: _Clock, every_s: float) -> None:
        self._clock = clock
        self._every_s = every_s

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(1000):
            self._clock.now_s += self._every_s
            yield b"x"


@pytest.mark.parametrize(
    ("every_s", "limit_bytes", "error"),
    [(1.0, MiB, TransientError), (0.001, 10, bounded.TooLargeError), (0.001, MiB, None)],
    ids=["drips", "too much", "slow"],
)
def test_an_answer_may_be_neither_too_long_nor_take_too_long(
    monkeypatch, every_s, limit_bytes, error
):
    clock = _Clock()
    monkeypatch.setattr(bounded, "time", clock, raising=False)
    answer = httpx.MockTransport(lambda _: httpx.Response(200, stream=_Drip(clock, every_s)))
    with httpx.Client(transport=answer, base_url="http://there") as http:
        if error is None:
            assert bounded.get(http, "It", "/", limit_bytes, "*/*") == (200, b"x" * 1000)
        else:
            with pytest.raises(error, match="It: GET /: more than"):
                bounded.get(http, "It", "/", limit_bytes, "*/*")


def test_what_is_left_ends_with_its_block():
    with bounded.until(time.monotonic() - 1):
        assert bounded.is_over()
        with bounded.until(time.monotonic() + 60):
            assert bounded.is_over(), "an outer end holds inside too"
    assert not bounded.is_over()
