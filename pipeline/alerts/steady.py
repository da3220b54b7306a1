"""Messages that come day and night, whatever the sky does: test alerts and a heartbeat.

A test alert is a whole message of its survey, made of a template, with a negative candid and an
object id that begins with TEST. It is never stored, and no book counts it. A candid and a sequence
number follow from the time alone: a process that starts anew goes on where the other ended.
"""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import fastavro
import structlog

from broker.config import Config
from broker.kafka_types import DeliveryError, Message
from pipeline.alerts.delivery import delivery_id
from pipeline.alerts.messages import SYNC_MARKER
from pipeline.alerts.schemas import FOLDER, OUTPUT_TEXT
from pipeline.topics import HEARTBEAT_TOPIC, SCHEMA_VERSION, TEST_TOPICS

JD_OF_1970 = 2_440_587.5
DAY_S = 86_400.0
TIMES = frozenset({"jd", "peak_jd", "jdstarthist", "midpointMjdTai"})
"""Fields [d] that move with the alert, so that its light curve ends now."""
CANDIDS = {"ztf": "candid", "lsst": "diaSourceId"}
"""Field of the candidate that repeats the candid."""
RULE_VERSION = "test"
LONGEST_SLEEP_S = 1.0

log = structlog.get_logger(__name__)

Send = Callable[[Sequence[Message]], Sequence[DeliveryError | None]]


@dataclass(frozen=True)
class Beat:
    """Something that is sent at each multiple of a period.

    Attributes
    ----------
    topic : str
        Where to.
    period_s : float
        How often [s].
    make : callable
        Returns the message of a time [s since 1970].
    """

    topic: str
    period_s: float
    make: Callable[[float], Message]

    def number(self, now_s: float) -> int:
        """Return how many periods have begun by a time [s since 1970]."""
        return int(now_s // self.period_s)


def beats(settings: Config) -> tuple[Beat, ...]:
    """Return what is sent day and night."""
    periods = settings.test_stream
    return (
        *(
            Beat(topic, periods.period_s, partial(test_alert, survey))
            for survey, topic in TEST_TOPICS.items()
        ),
        Beat(
            HEARTBEAT_TOPIC,
            periods.heartbeat_s,
            lambda now_s: heartbeat(now_s, int(now_s // periods.heartbeat_s)),
        ),
    )


def run(
    sent: Sequence[Beat],
    send: Send,
    is_stopped: Callable[[], bool],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Send each beat once in each period until stopped; what was missed is not made up for."""
    last: dict[str, int] = {}
    while not is_stopped():
        now_s = clock()
        due = [beat for beat in sent if last.get(beat.topic) != beat.number(now_s)]
        last |= {beat.topic: beat.number(now_s) for beat in due}
        for beat, error in zip(due, send([beat.make(now_s) for beat in due]), strict=True):
            if error is not None:
                log.warning("steady.not_sent", topic=beat.topic, error=error.text)
        sleep(min(LONGEST_SLEEP_S, *(beat.period_s / 4 for beat in sent)))


def test_alert(survey: str, now_s: float) -> Message:
    """Return the test alert of a survey for a time [s since 1970]."""
    topic, candid = TEST_TOPICS[survey], -int(now_s * 1000)
    record = _shifted(_template(survey), now_s / DAY_S + JD_OF_1970 - _last_jd(survey))
    record["candid"] = record["candidate"][CANDIDS[survey]] = candid
    headers = {
        "delivery_id": delivery_id(survey, candid, topic),
        "survey": survey,
        "candid": str(candid),
        "schema_version": SCHEMA_VERSION,
        "rule_version": RULE_VERSION,
        "test": "1",
    }
    return Message(
        topic,
        record["objectId"].encode(),
        _container(OUTPUT_TEXT[survey], record),
        [(name, text.encode()) for name, text in headers.items()],
    )


def heartbeat(now_s: float, sequence: int) -> Message:
    """Return the heartbeat with this number, written at a time [s since 1970]."""
    record = {"time": int(now_s * 1000), "sequence": sequence}
    text = (FOLDER / "babamul_heartbeat.avsc").read_text()
    return Message(HEARTBEAT_TOPIC, None, _container(text, record), [("test", b"1")])


def _container(schema: str, record: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    fastavro.writer(stream, json.loads(schema), [dict(record)], sync_marker=SYNC_MARKER)
    return stream.getvalue()


@cache
def _template(survey: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"test_alert_{survey}.json").read_text())
    return found


def _last_jd(survey: str) -> float:
    return float(_template(survey)["candidate"]["jd"])


def _shifted(value: Any, days: float) -> Any:
    """Return a copy of a record with every time in it moved."""
    if isinstance(value, dict):
        return {
            name: each + days if name in TIMES and each is not None else _shifted(each, days)
            for name, each in value.items()
        }
    return [_shifted(each, days) for each in value] if isinstance(value, list) else value
