"""A bad wire between a client and a server: slow, silent, refusing, cut.

Works for every server that is reached at one address, as Redis and Postgres are. Not for Kafka: its
clients connect to the address that the broker advertises, and so past the proxy; a slow Kafka is
made with ``Servers.freeze`` instead.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

CHUNK_BYTES = 65_536
ANSWER_S = 5.0
SENT_S = 0.05
"""A reset overtakes bytes that the client has not read yet."""
LOOPBACK = "127.0.0.1"
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: closing sends a reset instead of a farewell."""


@dataclass(frozen=True)
class Mode:
    """What the wire does.

    Attributes
    ----------
    name : str
        ``pass``; ``slow``: each chunk comes ``latency_s`` late; ``blackhole``: connections are
        accepted, nothing goes through; ``refuse``: nobody listens; ``reset``: every connection is
        torn down as soon as it is made; ``cut``: each connection is torn down once ``after_bytes``
        of the server's answers went through.
    latency_s : float
        Of ``slow`` [s].
    after_bytes : int
        Of ``cut``.
    """

    name: Literal["pass", "slow", "blackhole", "refuse", "reset", "cut"] = "pass"
    latency_s: float = 0.0
    after_bytes: int = 0


PASS = Mode()
BLACKHOLE = Mode("blackhole")
REFUSE = Mode("refuse")
RESET = Mode("reset")


def slow(latency_s: float) -> Mode:
    """Return a wire on which each chunk of bytes takes ``latency_s`` seconds."""
    return Mode("slow", latency_s=latency_s)


def cut(after_bytes: int) -> Mode:
    """Return a wire that breaks after ``after_bytes`` of answers, on each connection anew."""
    return Mode("cut", after_bytes=after_bytes)


class Proxy:
    """Listens on a port of its own and forwards to a server; runs in a thread.

    Parameters
    ----------
    port : int
        Of the server, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._mode = PASS
        self._flows = asyncio.Event()
        self._flows.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._listener: asyncio.Server | None = None
        self._wires: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self.port = 0
        """On which it listens, drawn at the start and kept."""

    def __enter__(self) -> Self:
        """Begin to forward."""
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(self, *_raised: object) -> None:
        """Tear everything down."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        self._loop.close()

    def set(self, mode: Mode) -> None:
        """Change the wire now, for new connections and for those that are open."""
        self._run(self._set(mode))

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(ANSWER_S)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._accept, LOOPBACK, self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def _set(self, mode: Mode) -> None:
        self._mode = mode
        if mode.name == "blackhole":
            self._flows.clear()
        else:
            self._flows.set()
        if mode.name in {"refuse", "reset"}:
            self._tear_all()
        if mode.name == "refuse":
            self._close_listener()
        elif self._listener is None:
            await self._listen()

    async def _stop(self) -> None:
        self._close_listener()
        self._tear_all()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _tear_all(self) -> None:
        for wire in [*self._wires]:
            self._tear(wire)

    def _tear(self, wire: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
        self._wires.discard(wire)
        for end in wire:
            _reset(end)

    async def _accept(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self._mode.name == "reset":
            _reset(client)
            return
        try:
            answers, server = await asyncio.open_connection(LOOPBACK, self._to)
        except OSError:  # the server itself is away
            _reset(client)
            return
        wire = (client, server)
        self._wires.add(wire)
        # One end is gone, and so is the other then; or the drill ends: asyncio would print that.
        with suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(
                self._forward(reader, server, is_answer=False),
                self._forward(answers, client, is_answer=True),
            )
        self._tear(wire)

    async def _forward(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_answer: bool
    ) -> None:
        passed = 0
        while chunk := await source.read(CHUNK_BYTES):
            await self._flows.wait()
            if self._mode.name == "slow":
                await asyncio.sleep(self._mode.latency_s)
            is_cut = is_answer and self._mode.name == "cut"
            piece = chunk[: max(0, self._mode.after_bytes - passed)] if is_cut else chunk
            target.write(piece)
            await target.drain()
            passed += len(piece)
            if is_cut and passed >= self._mode.after_bytes:
                await asyncio.sleep(SENT_S)
                raise ConnectionResetError
        raise ConnectionResetError  # half-closed wires are not what these servers know


def _reset(end: asyncio.StreamWriter) -> None:
    raw = end.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.transport.abort()
