"""Files of days: what the rows say, whoever died while writing them."""

import hashlib
import json
import signal
import subprocess
import sys
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, update

from broker.config import ROOT
from broker.db import transaction
from broker.errors import TransientError
from pipeline.lasair import day_files
from pipeline.lasair.day_files import Place, close_settled, line, path_of, write_waiting
from pipeline.lasair.tables import LasairAlert
from pipeline.selected.tables import OutputFile
from tests.database import environment
from tests.lasair import DAY, alert, batch, reception

pytestmark = pytest.mark.integration

KILLED_AT = ("lines_appended", "lines_committed")
LATER = datetime(2025, 6, 2, tzinfo=UTC)
FILE = path_of(date.fromisoformat(DAY))


@pytest.fixture
def home(database, root, monkeypatch):
    """A database and a folder of this test's own."""
    monkeypatch.setattr("pipeline.lasair.stamps.enqueue", lambda *_: None)
    return root


def take(*raw: bytes, start: int = 0) -> None:
    taker = reception()
    taker.take(batch(*raw, start=start))
    taker.close()


def rendered() -> bytes:
    """Return the file that the rows make, in the order of their lines."""
    with transaction() as session:
        rows = session.scalars(
            select(LasairAlert).where(LasairAlert.line_seq > 0).order_by(LasairAlert.line_seq)
        ).all()
    assert [row.line_seq for row in rows] == list(range(1, len(rows) + 1))
    return b"".join(map(line, rows))


def output() -> OutputFile:
    with transaction() as session:
        return session.scalars(select(OutputFile).where(OutputFile.path == FILE)).one()


def test_nothing_waits_and_nothing_is_written(home):
    assert write_waiting(Place.ours()) == 0
    assert not list(home.rglob("*.jsonl"))


def test_each_day_has_its_file_with_the_filter_in_each_line(home):
    take(
        alert(), alert("ZTF18bbbbbbb", latest_detection=2460825.0, mag=18.5), alert("ZTF18ccccccc")
    )

    assert write_waiting(Place.ours()) == 3
    assert write_waiting(Place.ours()) == 0

    lines = (home / FILE).read_bytes().splitlines()
    assert [json.loads(each)["objectId"] for each in lines] == ["ZTF18abcdefg", "ZTF18ccccccc"]
    assert lines[0] == (
        b'{"UTC":"2025-05-29 01:00:00","_topic":"lasair_2SN-likecandidates",'
        b'"latest_detection":2460824.0,"objectId":"ZTF18abcdefg",'
        b'"utc_latest_detection":"2025-05-28 12:00:00.000"}'
    )
    other = home / "data/alerts_partitioned/date=2025-05-29/alerts.jsonl"
    assert json.loads(other.read_bytes())["mag"] == 18.5
    assert (output().rows, output().length) == (2, (home / FILE).stat().st_size)


def test_while_another_writes_nothing_is_written(home, monkeypatch):
    take(alert())

    with day_files.lock("nightjar.lasair.here." + Place.ours().root):
        assert write_waiting(Place.ours()) == 0

    assert write_waiting(Place.ours()) == 1


def test_whoever_wrote_while_its_lock_was_lost_marks_nothing(home, monkeypatch):
    take(alert("ZTF18aaaaaaa"), alert("ZTF18bbbbbbb"))
    append, others = day_files.disk.append_mending, []

    def overtaken(*place):
        if not others:
            others.append("another process, that Postgres gave the lock meanwhile")
            day_files._append(Place.ours(), output().id)
        return append(*place)

    monkeypatch.setattr(day_files.disk, "append_mending", overtaken)
    with pytest.raises(TransientError, match="somebody else wrote to it meanwhile"):
        write_waiting(Place.ours())

    take(alert("ZTF18ccccccc"), start=2)
    write_waiting(Place.ours())
    assert (home / FILE).read_bytes() == rendered()
    assert rendered().count(b"\n") == output().rows == 3


def test_numbers_beyond_64_bits_are_written_as_they_came(home):
    take(alert(flux=1e22, nested={"fluxes": [1e300, 5.0, 2**63 - 1]}, id=10**400))

    write_waiting(Place.ours())

    [found] = (home / FILE).read_bytes().splitlines()
    assert b'"flux":1e+22,' in found
    assert b'"nested":{"fluxes":[1e+300,5.0,9223372036854775807]}' in found
    assert json.loads(found)["id"] == 10**400


@pytest.mark.slow
@pytest.mark.parametrize("place", KILLED_AT)
def test_whoever_follows_a_killed_writer_leaves_what_the_rows_say(home, database, place):
    take(alert("ZTF18aaaaaaa"), alert("ZTF18bbbbbbb"))
    run = "from pipeline.lasair.day_files import Place, write_waiting; write_waiting(Place.ours())"
    mortal = environment(database) | {"NIGHTJAR_TESTING__FAILPOINT": place}
    died = subprocess.run([sys.executable, "-c", run], cwd=ROOT, env=mortal, check=False)
    assert died.returncode == -signal.SIGKILL
    take(alert("ZTF18ccccccc"), start=2)

    write_waiting(Place.ours())

    assert (home / FILE).read_bytes() == rendered()
    assert rendered().count(b"\n") == output().rows == 3


def test_a_torn_line_behind_what_was_noted_is_cut_off(home):
    take(alert("ZTF18aaaaaaa"))
    write_waiting(Place.ours())
    with (home / FILE).open("ab") as file:
        file.write(b'{"objectId": "ZTF18b')
    take(alert("ZTF18bbbbbbb"), start=1)

    write_waiting(Place.ours())

    assert (home / FILE).read_bytes() == rendered()


def test_a_file_that_lost_bytes_is_made_again_from_its_rows(home):
    take(alert("ZTF18aaaaaaa"))
    write_waiting(Place.ours())
    whole = (home / FILE).read_bytes()
    (home / FILE).write_bytes(whole[:10])
    take(alert("ZTF18bbbbbbb"), start=1)

    write_waiting(Place.ours())

    assert (home / FILE).read_bytes() == rendered()
    assert (home / FILE).read_bytes().startswith(whole)


def test_a_day_is_closed_when_it_is_over_and_opened_by_a_late_alert(home):
    take(alert("ZTF18aaaaaaa"))
    assert close_settled(Place.ours(), LATER) == 0  # a row waits
    write_waiting(Place.ours())
    assert close_settled(Place.ours(), datetime(2025, 5, 30, tzinfo=UTC)) == 0

    assert close_settled(Place.ours(), LATER) == 1
    assert output().sha256 == hashlib.sha256((home / FILE).read_bytes()).hexdigest()

    take(alert("ZTF18bbbbbbb"), start=1)
    assert (output().closed_at, output().sha256) == (None, None)
    write_waiting(Place.ours())
    assert (home / FILE).read_bytes() == rendered()


@pytest.mark.parametrize("damage", [None, b"garbage"], ids=["gone", "damaged"])
def test_a_file_that_is_not_what_its_rows_say_is_made_again_before_it_is_closed(home, damage):
    take(alert(), alert("ZTF18bbbbbbb", latest_detection=2460825.0))
    write_waiting(Place.ours())
    (home / FILE).unlink()
    if damage is not None:
        (home / FILE).write_bytes(damage)

    assert close_settled(Place.ours(), LATER) == 2

    whole = (home / FILE).read_bytes()
    assert json.loads(whole)["objectId"] == "ZTF18abcdefg"
    assert (output().sha256, output().length) == (hashlib.sha256(whole).hexdigest(), len(whole))


def test_a_day_without_any_line_is_not_closed(home):
    with transaction() as session:
        day_files.begin(session, Place.ours(), [date.fromisoformat(DAY)])

    assert close_settled(Place.ours(), LATER) == 0


def test_while_another_writes_nothing_is_closed(home):
    take(alert())
    write_waiting(Place.ours())

    with day_files.lock("nightjar.lasair.here." + Place.ours().root):
        assert close_settled(Place.ours(), LATER) == 0

    assert close_settled(Place.ours(), LATER) == 1


def test_a_row_that_comes_while_its_file_is_closed_keeps_it_open(home, monkeypatch):
    take(alert("ZTF18aaaaaaa"))
    write_waiting(Place.ours())
    read = day_files.disk.read

    def slow_read(*place):
        take(alert("ZTF18bbbbbbb"), start=1)
        return read(*place)

    monkeypatch.setattr(day_files.disk, "read", slow_read)

    assert close_settled(Place.ours(), LATER) == 0
    assert (output().closed_at, output().sha256) == (None, None)


def test_a_day_that_retention_took_is_written_whole_for_a_late_alert(home):
    take(alert("ZTF18aaaaaaa"))
    write_waiting(Place.ours())
    (home / FILE).unlink()
    with transaction() as session:
        session.execute(update(OutputFile).values(deleted_at=LATER))
    take(alert("ZTF18bbbbbbb"), start=1)

    write_waiting(Place.ours())

    assert rendered().count(b"\n") == 2
    assert (home / FILE).read_bytes() == rendered()
