"""How many transactions the threads of one process may have at once."""

import runpy
from types import SimpleNamespace

import pytest

from broker import db
from broker.config import ROOT


@pytest.fixture
def pool(monkeypatch):
    """The pool of an engine that is not made."""
    made = {}

    def create_engine(_url, **given):
        made.update(given)
        return SimpleNamespace()

    monkeypatch.setattr(db, "_threads", 1)
    monkeypatch.setattr(db, "create_engine", create_engine)
    monkeypatch.setattr(db.event, "listen", lambda *_: None)
    return made


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_every_thread_of_the_web_may_have_one_and_few_rest(pool, threads):
    post_fork = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["post_fork"]

    post_fork(None, SimpleNamespace(cfg=SimpleNamespace(threads=threads)))
    db.engine.__wrapped__()

    assert pool["pool_size"] + pool["max_overflow"] >= threads + db.SPARE
    assert pool["pool_size"] <= db.RESTING


def test_a_process_of_one_thread_keeps_one_connection(pool):
    db.engine.__wrapped__()

    assert (pool["pool_size"], pool["max_overflow"]) == (1, db.SPARE)
