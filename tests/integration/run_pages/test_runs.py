"""The page of nightly runs: for data managers, with sums that add up and files to take along."""

import hashlib
import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from sqlalchemy import delete, select, update

from broker import limits
from broker.db import transaction
from pipeline.selected import retention
from pipeline.selected.retention_policy import Policy
from pipeline.selected.runs import Counts, RunBook
from pipeline.selected.tables import OutputFile, SelectedRun
from pipeline.web import run_pages
from tests.integration.selected.conftest import root
from tests.integration.selected.world import MORNING, Consumer, csv_path, packet, received, tree

pytestmark = pytest.mark.integration

__all__ = ["root"]


@pytest.fixture(autouse=True)
def _no_limits(session, monkeypatch):
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    monkeypatch.setattr(run_pages.health, "queues_served", lambda: None)


@pytest.fixture
def manager(db):
    """A browser that a data manager is signed in with."""
    user = get_user_model().objects.create_user("dora", "dora@example.org", is_staff=True)
    user.groups.add(Group.objects.get_or_create(name="data_manager")[0])
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def taker(session, root):
    """A closed night with one alert, one bad message and one that came twice."""
    made = Consumer()
    made.work(received(packet(1), b"", packet(1)))
    made.now = MORNING
    made.work([])
    return made


def test_nobody_else_may_look(db):
    assert Client(headers={"host": "localhost"}).get("/runs").status_code == 302


def test_without_a_run_the_page_says_how_to_begin(manager):
    assert b"manage.py collect selected" in manager.get("/runs").content


def test_every_page_says_that_staff_are_signed_in_and_leads_to_the_runs(manager):
    page = manager.get("/guide").content.decode()

    assert '<a href="/runs">Runs</a>' in page
    assert '<a href="/admin/">' in page
    assert "Get access</a>" not in page
    assert 'href="/runs"' not in Client(headers={"host": "localhost"}).get("/guide").text


def test_the_page_shows_sums_sizes_checksums_and_cutouts(manager, taker, root):
    page = manager.get("/runs").content.decode()

    assert "3 read = 1 written + 0 filtered" in page
    assert "adds up" in page
    assert "3 on disk" in page
    shown = re.findall(r'<code title="([0-9a-f]{64})">([0-9a-f]{12})…</code>', page)
    files = [path for kind in ("csv", "parquet") for path in root.rglob(f"*.{kind}")]
    on_disk = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert {whole for whole, _ in shown} == on_disk
    assert len(shown) == 2
    assert all(whole.startswith(short) for whole, short in shown)
    for kind in ("csv", "parquet"):
        assert f'.{kind}</a></th><td class="num">1</td>' in page
    assert "2026-12-22" in page  # 30 days later


def test_a_run_that_never_reached_its_topic_is_not_called_balanced(manager, session, root):
    book = RunBook(Consumer().target.id, "collect", "collect-selected")
    book.begin(MORNING.date())
    book.end("failed", error="no partition of t was given: refused")

    page = manager.get("/runs").content.decode()

    assert "adds up" not in page
    assert "collect-selected ended failed: no partition of t was given: refused" in page


def test_rows_that_no_run_counted_are_no_balance(manager, session, taker):
    session.execute(update(OutputFile).where(OutputFile.kind == "csv").values(rows=2))
    session.commit()

    page = manager.get("/runs").content.decode()

    assert "does not add up: 2 rows" in page
    assert "adds up<" not in page


def test_a_night_with_files_and_without_a_run_is_listed(manager, session, taker):
    session.execute(delete(SelectedRun))
    session.commit()

    page = manager.get("/runs").content.decode()

    assert "no run of it is known: 1 row<" in page
    assert "No run of this night is known." in page
    assert "lsst_alerts_20261122.csv" in page


def test_what_a_run_made_good_is_shown(manager, session, root):
    book = RunBook(Consumer().target.id, "collect", "collect-selected")
    book.begin(MORNING.date())
    with transaction() as opened:
        book.add(opened, Counts(late=3, mended=1))
    book.end("done")

    page = manager.get("/runs").content.decode()

    assert "Made good: 3 lines of rows stored before, 1 file made again" in page
    assert "3 late lines, 1 file<" in page


def test_a_table_can_be_taken_along(manager, taker, root):
    page = manager.get("/runs").content.decode()
    link = page.partition('<a href="/runs/files/')[2].partition('"')[0]

    answer = manager.get(f"/runs/files/{link}")

    content = b"".join(answer.streaming_content)
    assert content == tree(root)[csv_path(taker.target)]


def test_of_a_table_that_grows_only_what_is_noted_is_given(manager, session, root):
    taker = Consumer()
    taker.work(received(packet(1)))
    path = root / csv_path(taker.target)
    noted = path.read_bytes()
    path.write_bytes(noted + b"17000000,")
    [file_id] = session.scalars(select(OutputFile.id).where(OutputFile.kind == "csv"))

    answer = manager.get(f"/runs/files/{file_id}")

    assert b"".join(answer.streaming_content) == noted
    assert path.name in answer.headers["Content-Disposition"]


def test_a_table_of_another_host_and_a_cutout_are_not_given(manager, session, taker, root):
    ids = dict(session.execute(select(OutputFile.kind, OutputFile.id)).all())
    given = manager.get(f"/runs/files/{ids['csv']}")
    assert b"".join(given.streaming_content) == tree(root)[csv_path(taker.target)]
    session.execute(update(OutputFile).where(OutputFile.kind == "csv").values(host="there"))

    for kind in ("csv", "cutout"):
        assert manager.get(f"/runs/files/{ids[kind]}").status_code == 404


@pytest.mark.parametrize("path", ["/runs/files/0", "/runs/files/999999"])
def test_a_file_that_is_no_table_is_not_found(manager, path):
    assert manager.get(path).status_code == 404


def test_the_button_rings_for_the_night_once_more(manager, taker, monkeypatch):
    rung = []
    monkeypatch.setattr(run_pages, "enqueue", lambda *ring: rung.append(ring) or True)

    answer = manager.post(f"/runs/{taker.target.id}/2026-11-22/again", follow=True)

    assert rung == [("selected.rerun", "sinks.here", taker.target.id, "2026-11-22", "dora")]
    assert b"are being made again" in answer.content


def test_nobody_is_rung_at_where_no_worker_of_the_files_host_lives(manager, taker, monkeypatch):
    rung = []
    monkeypatch.setattr(run_pages, "enqueue", lambda *ring: rung.append(ring) or True)
    monkeypatch.setattr(run_pages.health, "queues_served", lambda: {"sinks", "sinks.there"})

    answer = manager.post(f"/runs/{taker.target.id}/2026-11-22/again", follow=True)

    assert rung == []
    assert b"no worker there reads the queue sinks.here" in answer.content


def test_a_selection_that_is_not_there_is_not_found(manager, taker):
    path = f"/runs/{taker.target.id + 1}/2026-11-22/again"

    assert manager.post(path).status_code == 404


def test_a_button_that_cannot_ring_says_so(manager, taker, monkeypatch):
    monkeypatch.setattr(run_pages, "enqueue", lambda *_: False)

    answer = manager.post(f"/runs/{taker.target.id}/2026-11-22/again", follow=True)

    assert b"try again in a minute" in answer.content


def test_a_night_that_is_no_date_is_not_found(manager):
    assert manager.post("/runs/1/yesterday/again").status_code == 404


def test_what_retention_deleted_is_shown_with_what_it_was_to_delete(manager, taker):
    retention.run(Policy({"cutout": 30}), MORNING.date() + timedelta(days=40))

    page = manager.get("/runs").content.decode()

    assert page.count("3 of cutout, 0.0 MB, night 2026-11-22") == 2
    assert "stays" in page
