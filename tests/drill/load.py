"""What is sent: parcels of known content at a steady rate, whatever becomes of them."""

import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka import Producer as Client

from broker.config import config
from broker.kafka import own_connection
from pipeline.simulate.single import JD_UTC, LSST_OBJECT, make_lsst_packet, make_ztf_packet

PER_OBJECT = 4
"""Each object is seen this often by each survey, so that objects and curves are contended for."""
LSST_EVERY = 4
FIRST_CANDID = 3_200_000_000_000_000_000
FIRST_DIA_SOURCE = 1 << 58
PER_STAGE = 10_000_000
TICK_S = 0.05
FLUSH_S = 120.0

Coordinate = tuple[str, int, int]
"""Topic, partition, offset."""


@dataclass(frozen=True)
class Parcel:
    """One packet, and what must become of it.

    Attributes
    ----------
    stream : str
        Whose input topic it goes to.
    value : bytes
        The packet.
    candid : int or None
        Of the alert that it must become; None of one that must be buried.
    reason : str
        Of the dead letter; empty: whichever, or an alert.
    """

    stream: str
    value: bytes
    candid: int | None
    reason: str = ""


@dataclass(frozen=True)
class Sent:
    """What is known about a packet that Kafka has acknowledged."""

    stream: str
    candid: int | None
    reason: str
    crc32: int
    at_s: float


def good(number: int) -> Parcel:
    """Return the packet ``number`` of a night: small, good, of an object that both surveys see."""
    if number % LSST_EVERY == LSST_EVERY - 1:
        return lsst(number)
    return ztf(number)


def ztf(number: int) -> Parcel:
    """Return a ZTF packet without cutouts."""
    candid = FIRST_CANDID + number
    letters = "".join(chr(ord("a") + int(digit)) for digit in f"{number // PER_OBJECT:09d}")
    packet = make_ztf_packet(
        object_id=f"ZTF26{letters}",
        candid=candid,
        jd=JD_UTC + 0.01 * (number % PER_OBJECT),
        **_place(number),
        has_cutouts=False,
    )
    return Parcel("ztf", packet, candid)


def ztf_packets(count: int) -> list[bytes]:
    """Return the first ZTF packets of a night."""
    return [ztf(number).value for number in range(count)]


def lsst(number: int) -> Parcel:
    """Return an LSST packet of the object that ZTF sees as the same number."""
    dia_source = FIRST_DIA_SOURCE + number
    packet = make_lsst_packet(
        diaSourceId=dia_source,
        diaObjectId=LSST_OBJECT + number // PER_OBJECT,
        jd=JD_UTC + 0.01 * (number % PER_OBJECT),
        **_place(number),
        has_cutouts=False,
    )
    return Parcel("lsst", packet, dia_source)


def _place(number: int) -> dict[str, float]:
    at = number // PER_OBJECT % PER_STAGE
    return {"ra": 130.0 + 0.005 * (at % 10_000), "dec": 20.0 + 0.005 * (at // 10_000)}


class Load:
    """Sends parcels in a thread of its own, and remembers what Kafka acknowledged.

    Parameters
    ----------
    topics : mapping
        Input topic of each stream.
    first : int
        Number of the first parcel.
    """

    def __init__(self, topics: Mapping[str, str], first: int = 0) -> None:
        self._topics = topics
        self._first = self._number = first
        self._lock = threading.Lock()
        self._sent: dict[Coordinate, Sent] = {}
        self._errors: list[str] = []
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._client = Client(
            {
                **own_connection("feed"),
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": "zstd",
                "message.max.bytes": config().kafka.message_max_bytes,
                "topic.metadata.refresh.interval.ms": 1000,
            }
        )

    def sent(self) -> dict[Coordinate, Sent]:
        """Return everything that Kafka has acknowledged so far."""
        with self._lock:
            return dict(self._sent)

    def owns(self, candid: int) -> bool:
        """Return whether an alert may be of ours; others may use the same servers."""
        return any(
            0 <= candid - base - self._first < PER_STAGE
            for base in (FIRST_CANDID, FIRST_DIA_SOURCE)
        )

    def start(self, rate_per_s: float, make: Callable[[int], Parcel] = good) -> None:
        """Send at a steady rate until ``stop``; a late answer slows nothing down."""
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(rate_per_s, make), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sending and wait until Kafka has everything.

        Raises
        ------
        AssertionError
            If it did not take all: the feed would have to send again, which is its own affair.
        """
        self.pause()
        left = self._client.flush(FLUSH_S)
        assert left == 0, f"{left} packets were never acknowledged"
        assert self._errors == [], self._errors[:3]

    def pause(self) -> None:
        """Send nothing more; what Kafka has not acknowledged goes on."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def abandon(self) -> None:
        """Give up what Kafka has not acknowledged."""
        self.pause()
        self._client.purge()
        self._client.flush(1.0)

    def send(self, count: int, make: Callable[[int], Parcel] = good) -> None:
        """Send ``count`` parcels at once and wait until Kafka has them."""
        for _ in range(count):
            self._produce(make)
        self._client.flush(FLUSH_S)

    def _run(self, rate_per_s: float, make: Callable[[int], Parcel]) -> None:
        began, done = time.monotonic(), 0
        try:
            while not self._is_stopping.wait(TICK_S):
                while done < (time.monotonic() - began) * rate_per_s:
                    self._produce(make)
                    done += 1
                self._client.poll(0)
        except Exception as error:  # noqa: BLE001 told by ``stop``, in the thread that asks
            self._errors.append(repr(error))

    def _produce(self, make: Callable[[int], Parcel]) -> None:
        parcel = make(self._number)
        self._number += 1

        def note(error: KafkaError | None, message: Any) -> None:
            self._note(parcel, error, message)

        while True:
            try:
                self._client.produce(self._topics[parcel.stream], parcel.value, on_delivery=note)
            except BufferError:  # Kafka is away: it waits with us
                if self._is_stopping.is_set():
                    return
                self._client.poll(TICK_S)
            else:
                return

    def _note(self, parcel: Parcel, error: KafkaError | None, message: Any) -> None:
        if error is not None:
            self._errors.append(error.str())
            return
        sent = Sent(
            parcel.stream, parcel.candid, parcel.reason, zlib.crc32(parcel.value), time.time()
        )
        with self._lock:
            self._sent[message.topic(), message.partition(), message.offset()] = sent
