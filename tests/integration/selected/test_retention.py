"""Only what is old enough, closed, and confirmed where S3 has it, is deleted, and it is said."""

import os
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from sqlalchemy import select, update

from broker.config import build
from pipeline.selected import retention
from pipeline.selected.retention_policy import Policy, expired
from pipeline.selected.tables import OutputFile
from tests.integration.selected.world import (
    EVENING,
    MORNING,
    Consumer,
    csv_path,
    packet,
    received,
    tree,
)

pytestmark = pytest.mark.integration

LATE = EVENING.date() + timedelta(days=31)
THIRTY = {"csv": 30, "parquet": 30, "cutout": 30}


def delete(policy, today):
    return retention.run(policy, today).gone


@pytest.fixture
def taker(session, root):
    """A night with two alerts that is closed."""
    made = Consumer()
    made.work(received(packet(1), packet(2)))
    made.now = MORNING
    made.work([])
    return made


def test_what_is_not_closed_stays(session, root):
    made = Consumer()
    made.work(received(packet(1)))

    found = {each.kind: each.why_kept for each in expired(session, Policy({"csv": 30}), LATE)}

    assert found == {"csv": "it is not closed"}
    assert delete(Policy({"csv": 30}), LATE) == []
    assert csv_path(made.target) in tree(root)


@pytest.mark.parametrize("days", [0, 31], ids=("for ever", "not yet"))
def test_what_policy_keeps_stays(session, root, taker, days):
    before = tree(root)

    assert delete(Policy(dict.fromkeys(THIRTY, days)), LATE) == []
    assert tree(root) == before


@pytest.fixture
def _all_there(monkeypatch):
    """Let S3 still have what it confirmed."""
    there = nullcontext(lambda _table, _id: True)
    monkeypatch.setattr("pipeline.selected.retention.proving", lambda: there)


@pytest.mark.usefixtures("_all_there")
def test_what_s3_has_not_confirmed_stays(session, root, taker):
    policy = Policy(THIRTY, frozenset({"cutout", "csv"}))
    session.execute(
        update(OutputFile)
        .where(OutputFile.path.like("%science%"))
        .values(confirmed_at=EVENING, s3_state="confirmed")
    )

    gone = delete(policy, LATE)

    assert {each.kind for each in gone} == {"cutout", "parquet"}
    assert len(gone) == 3
    kept = tree(root)
    assert csv_path(taker.target) in kept
    assert not [path for path in kept if "science" in path or path.endswith(".parquet")]


def test_what_has_expired_goes_and_its_row_says_when(session, root, taker):
    gone = delete(Policy(THIRTY), LATE)

    assert list(tree(root)) == [retention.PATH]
    assert len(gone) == 2 * 3 + 2
    session.expire_all()
    assert None not in session.scalars(select(OutputFile.deleted_at)).all()
    assert delete(Policy(THIRTY), LATE) == []


@pytest.mark.parametrize("place", [{"host": "there"}, {"root": "/elsewhere"}], ids=("host", "root"))
def test_files_that_lie_elsewhere_are_left_to_whoever_has_them(session, root, taker, place):
    session.execute(update(OutputFile).where(OutputFile.kind == "csv").values(place))

    assert {each.kind for each in delete(Policy(THIRTY), LATE)} == {"cutout", "parquet"}
    session.expire_all()
    table = session.scalars(select(OutputFile).where(OutputFile.kind == "csv")).one()
    assert table.deleted_at is None
    assert csv_path(taker.target) in tree(root)


def test_a_file_that_is_gone_already_hinders_nothing(session, root, taker):
    (root / csv_path(taker.target)).unlink()

    assert len(delete(Policy(THIRTY), LATE)) == 2 * 3 + 2


def test_a_segment_goes_with_its_index(session, root, taker):
    taker.reception.close()
    later = datetime.now(UTC).date() + timedelta(days=999)
    archive = root.parent / "archive"
    assert len(tree(archive)) == 2

    assert delete(Policy({"archive": 90}, frozenset({"archive"})), later) == []
    policy = Policy({"archive": 90}, frozenset({"archive"}), frozenset({"archive/selected"}))
    [gone] = delete(policy, later)

    assert gone.kind == "archive"
    assert tree(archive) == {}


def test_with_a_bucket_packets_that_are_not_public_follow_their_age_alone():
    policy = Policy.of_settings(build(toml={"s3": {"bucket": "nightjar"}}))

    def waits(survey):
        return policy.why_unconfirmed("archive", f"archive/{survey}", is_confirmed=False)

    assert (waits("lsst"), waits("ztf")) == ("S3 has not confirmed it", None)
    private = Policy.of_settings(build(toml={"s3": {"bucket": "nightjar", "private": True}}))
    assert private.unsynced == frozenset()
    assert Policy.of_settings(build()).synced == frozenset()


def test_the_dry_run_says_what_would_go_and_deletes_nothing(session, root, taker, monkeypatch):
    before = tree(root)
    session.execute(update(OutputFile).values(night=EVENING.date() - timedelta(days=400)))
    out = StringIO()

    monkeypatch.setattr("pipeline.management.commands.retention.require_migrated", lambda: None)
    call_command("retention", dry_run=True, paths=True, stdout=out)

    said = out.getvalue()
    assert "csv: kept 30 d" in said
    assert "6 of cutout" in said
    assert "would go" in said
    assert csv_path(taker.target) in said
    assert tree(root) == before


def test_logs_that_nothing_was_written_to_go_after_their_days(session, root):
    old, new, other = (root / "logs" / name for name in ("lasair/a.log.1", "b.log", "notes.txt"))
    old.parent.mkdir(parents=True)
    for path in (old, new, other):
        path.write_text("a line\n")
    for path in (old, other):
        long_ago_s = (MORNING - timedelta(days=40)).timestamp()
        os.utime(path, (long_ago_s, long_ago_s))
    policy = Policy({"log": 30})

    assert [each.path for each in expired(session, policy, MORNING.date())] == [
        "logs/lasair/a.log.1"
    ]
    assert delete(Policy({"log": 0}), MORNING.date()) == []
    assert [each.path for each in delete(policy, MORNING.date())] == ["logs/lasair/a.log.1"]
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
