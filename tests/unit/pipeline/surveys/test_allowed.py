"""The allow-list grows while workers run."""

import tomllib

import pytest

from pipeline.surveys.allowed import AllowList


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "allowed.toml"
    path.write_text('# why\n[schemas]\n"aa" = "first"\n')
    return path


def test_a_listed_fingerprint_is_allowed(path):
    assert "aa" in AllowList(path)
    assert "bb" not in AllowList(path)


def test_an_entry_added_elsewhere_is_seen_at_the_next_miss(path):
    worker = AllowList(path)
    assert "bb" not in worker

    assert AllowList(path).add("bb", 'a "quoted"\nnote \\ here')

    assert "bb" in worker
    assert worker.notes()["bb"] == 'a "quoted" note \\ here'


def test_adding_twice_changes_nothing(path):
    before = path.read_bytes()

    assert not AllowList(path).add("aa", "again")
    assert path.read_bytes() == before


def test_comments_survive(path):
    AllowList(path).add("bb", "second")

    assert path.read_text().startswith("# why\n")
    assert tomllib.loads(path.read_text())["schemas"] == {"aa": "first", "bb": "second"}
