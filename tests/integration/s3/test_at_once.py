"""Several objects on their way at once: none waits for another, none falls with another."""

import json
from base64 import b64encode
from hashlib import sha256
from io import BytesIO
from threading import Barrier, BrokenBarrierError

import pytest
from sqlalchemy import event, func, select, update

from broker import db
from pipeline.clients.s3 import Bucket
from pipeline.s3 import sync
from pipeline.s3.batch import Line
from pipeline.s3.journal import PATH
from pipeline.s3.places import Here
from pipeline.s3.send import ATTEMPTS, End
from pipeline.s3.tables import S3Upload
from pipeline.s3.wanted import unsynced, want
from pipeline.selected.tables import OutputFile
from tests.integration.s3.conftest import make_file, row_of
from tests.standins.faulty import status
from tests.standins.s3_server import answer

pytestmark = pytest.mark.integration
PATIENCE_S = 20.0
CONFIRMED = select(func.count()).where(OutputFile.confirmed_at.is_not(None))


def path(number: int) -> str:
    return f"lsst_alerts/cutouts/{number:03}.fits"


def files(disk, count: int) -> list[int]:
    return [make_file(disk, path(number), b"%d" % number) for number in range(count)]


def meeting(count: int):
    """Return an answer that comes once so many requests wait for it; 503 where they do not."""
    barrier = Barrier(count)

    def meet(server, s3, environ, start_response):
        try:
            barrier.wait(PATIENCE_S)
        except BrokenBarrierError:
            return status(503)(server, s3, environ, start_response)
        return s3(environ, start_response)

    return meet


def test_as_many_objects_travel_at_once_as_the_settings_say(session, bucket, disk, set_up):
    set_up(threads=3)
    files(disk, 3)
    bucket.faults["PUT"] = [meeting(3)] * 3

    assert [told.end for told in sync.run("command", "me").told] == [End.SENT] * 3


def test_all_of_many_batches_come_in_their_order(session, bucket, disk, set_up):
    set_up(threads=2)
    files(disk, 2 * sync.ROUNDS + 3)

    told = [each.key for each in sync.run("command", "me").told]

    assert told == [path(number) for number in range(2 * sync.ROUNDS + 3)]
    assert bucket.objects() == {path(n): b"%d" % n for n in range(len(told))}
    assert session.scalar(CONFIRMED) == len(told)
    lines = [json.loads(line) for line in (disk / PATH).read_text().splitlines()]
    assert [line["key"] for line in lines] == told


def test_what_fails_stops_no_neighbour(session, bucket, disk):
    ids = files(disk, 6)
    (disk / path(1)).write_bytes(b"another")
    (disk / path(3)).unlink()
    bucket.faults["PUT"] = [answer(400, "InvalidArgument")]

    ends = {told.key: told.end for told in sync.run("command", "me").told}

    assert (ends[path(1)], ends[path(3)]) == (End.FAILED, End.FAILED)
    assert list(ends.values()).count(End.SENT) == 3
    confirmed = [row_of(session, each).confirmed_at is not None for each in ids]
    assert confirmed == [end is End.SENT for _, end in sorted(ends.items())]


def test_a_mistake_of_ours_fails_its_object_alone(session, bucket, disk, monkeypatch):
    files(disk, 3)
    whole = Bucket.upload

    def upload(self, key, *rest):
        if key == path(1):
            raise ZeroDivisionError("a mistake")
        return whole(self, key, *rest)

    monkeypatch.setattr("pipeline.clients.s3.Bucket.upload", upload)

    assert [str(told.end) for told in sync.run("command", "me").told] == ["sent", "failed", "sent"]


def test_a_batch_is_written_down_in_one_transaction(session, bucket, disk, set_up):
    set_up(threads=8)
    files(disk, 40)
    counted: list[str] = []
    event.listen(
        db.engine(), "before_cursor_execute", lambda _c, _k, text, *_: counted.append(text)
    )

    sync.run("command", "me")

    touched = [text for text in counted if text.startswith("UPDATE s3_uploads")]
    assert len(touched) == 2, "one claim, one note"
    confirmed = [text for text in counted if "confirmed_at=now()" in text]
    assert len(confirmed) == 1


def test_an_interrupted_batch_leaves_nothing_claimed(session, bucket, disk, set_up, monkeypatch):
    set_up(threads=1)
    files(disk, 5)
    true, asked = Line._ended, []

    def interrupted_once(self, ways):
        asked.append(1)
        if len(asked) == 1:
            raise KeyboardInterrupt
        return true(self, ways)

    monkeypatch.setattr(Line, "_ended", interrupted_once)

    with pytest.raises(KeyboardInterrupt):
        sync.run("command", "me")

    states = session.execute(select(S3Upload.state, S3Upload.attempts)).all()
    assert len(states) == 5
    assert set(states) <= {("done", 1), ("wanted", 0)}


def test_an_object_whose_worker_died_comes_alone(session, bucket, disk):
    files(disk, 3)
    want(session, unsynced(session, Here.ours()))
    session.execute(
        update(S3Upload)
        .where(S3Upload.key == path(1))
        .values(state="running", owner="dead", attempts=1, lease_until=S3Upload.created_at)
    )
    session.execute(update(S3Upload).values(lease_until=func.now() - func.make_interval(0, 0, 1)))

    first = sync.due(Here.ours(), "", 10)

    assert session.scalars(select(S3Upload.key).where(S3Upload.id.in_(first))).all() == [path(1)]
    assert len(sync.run("command", "me").told) == 3


def test_what_killed_its_workers_is_given_up(session, bucket, disk):
    [file_id] = files(disk, 1)
    want(session, unsynced(session, Here.ours()))
    session.execute(
        update(S3Upload).values(
            state="running",
            owner="dead",
            attempts=ATTEMPTS,
            lease_until=func.now() - func.make_interval(0, 0, 1),
        )
    )

    [told] = sync.run("schedule", "me").told

    assert (told.end, "its worker died" in told.error) == (End.FAILED, True)
    assert row_of(session, file_id).s3_state == "failed"


def lost(_server, _s3, environ, start_response):
    """Say that a body was taken, and keep nothing of it."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]


def exchanged(_server, s3, environ, start_response):
    """Keep other bytes of the same length, with the checksum that they have."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    other = bytes([body[0] ^ 1]) + body[1:]
    environ["wsgi.input"] = BytesIO(other)
    environ["HTTP_X_AMZ_CHECKSUM_SHA256"] = b64encode(sha256(other).digest()).decode()
    return s3(environ, start_response)


@pytest.mark.parametrize("fault", [lost, exchanged])
def test_what_a_store_says_to_have_taken_is_looked_at(session, bucket, disk, fault):
    file_id = make_file(disk, path(1), b"abc")
    bucket.faults["PUT"] = [fault]

    [told] = sync.run("command", "me").told

    assert (told.end, told.key in told.error) == (End.AWAY, True)
    assert "what lies there is not what was sent" in told.error
    assert row_of(session, file_id).confirmed_at is None
