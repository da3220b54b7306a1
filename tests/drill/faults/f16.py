"""F16: retention overtakes a stopped listener, or a stopped worker whose ranges are cut already.

The oldest records are deleted while nobody reads them. Every one that was not stored before is in
one dead letter ``expired_offsets`` or another, the log says so as an error, and the books balance.
"""

from confluent_kafka import TopicPartition

from broker.kafka_connection import ANSWER_S, admin_client
from tests.drill import crew as crews
from tests.drill.record import Fault
from tests.drill.stage import Stage

EXPIRED = "expired_offsets"
OVERTAKEN = "listener.offsets_expired"
BACKLOG = 120
_UNREAD = """
    SELECT coalesce(sum(last_offset - source_offset + 1), 0) FROM dead_letters
    WHERE reason = 'expired_offsets'
"""
_QUEUED = "SELECT count(*) FROM stream_ranges WHERE state = 'queued'"


def run(stage: Stage) -> None:
    """Stop the reader, then the worker, and delete what waits."""
    _stop_listener(stage)
    _stop_worker(stage)


def _stop_listener(stage: Stage) -> None:
    with stage.case("a listener was stopped", may_be=(EXPIRED,)) as case:
        said = stage.crew.log("listen-ztf").count(OVERTAKEN)
        with case.fault():
            stage.crew.stop("listen-ztf")
            before = len(stage.load.sent())
            stage.crew.wait(lambda: len(stage.load.sent()) > before + BACKLOG, "a backlog")
            _delete_all(stage)
            stage.crew.want("listen-ztf", crews.listener("ztf"))
        stage.crew.wait(
            lambda: stage.crew.log("listen-ztf").count(OVERTAKEN) > said, "an alarm in the log"
        )
        assert _unread(stage) > 0, "nothing had to be buried"


def _stop_worker(stage: Stage) -> None:
    with stage.case("a worker was stopped", may_be=(EXPIRED,)) as case:
        unread = _unread(stage)
        with case.fault():
            stage.crew.stop("worker")
            stage.crew.wait(lambda: stage.system.sql(_QUEUED)[0][0] >= 2, "ranges that wait")
            _delete_all(stage)
            stage.crew.want("worker", crews.worker("worker"))
        stage.crew.wait(lambda: _unread(stage) > unread, "a dead letter for what expired")


def _unread(stage: Stage) -> int:
    return int(stage.system.sql(_UNREAD)[0][0])


def _delete_all(stage: Stage) -> None:
    """Delete every ZTF record that Kafka has now, as retention would."""
    topic = stage.books.topics["ztf"]
    admin = admin_client()  # what it was asked dies with it
    partitions = admin.list_topics(topic, ANSWER_S).topics[topic].partitions
    ends = [TopicPartition(topic, number, -1) for number in partitions]
    for answer in admin.delete_records(ends).values():
        answer.result(ANSWER_S)


FAULT = Fault("F16", "retention overtakes who is stopped", run, is_short=True)
