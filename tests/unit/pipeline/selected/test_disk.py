"""Files are whole or absent, and grow from the length that was noted."""

import os
from pathlib import Path

import pytest

from pipeline.selected import disk


def test_a_table_that_lost_bytes_is_not_continued(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"head\n")

    with pytest.raises(disk.ShorterError, match="has 5 bytes, not the 6"):
        disk.append(tmp_path, "t.csv", 6, b"more\n")


@pytest.mark.parametrize("path", ["../up.fits", "/etc/x.fits", "a/../../up.fits"])
def test_nothing_is_written_beside_the_root(tmp_path, path):
    with pytest.raises(ValueError, match="is not below"):
        disk.write_whole(tmp_path / "root", path, b"")


def test_what_a_dead_writer_added_is_written_over(tmp_path):
    disk.append(tmp_path, "a/t.csv", 0, b"head\none\n")
    disk.append(tmp_path, "a/t.csv", 5, b"two\n")

    assert (tmp_path / "a/t.csv").read_bytes() == b"head\ntwo\n"


def test_a_file_is_whole_under_its_own_name_only(tmp_path):
    written = disk.write_whole(tmp_path, "a/b.fits", b"abc")

    assert written.length == 3
    assert written.sha256.startswith("ba7816bf8f01cfea")  # FIPS 180-2, B.1
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b.fits"]


@pytest.fixture
def steps(monkeypatch):
    """What was asked of the disk, in order."""
    asked: list[str] = []
    for place, name in ((os, "fsync"), (Path, "replace")):
        real = getattr(place, name)

        def call(*given, name=name, real=real):
            asked.append(name)
            return real(*given)

        monkeypatch.setattr(place, name, call)
    return asked


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, steps):
    disk.write_whole(tmp_path, "a/b.fits", b"abc")

    assert steps == ["fsync", "replace"]


def test_lines_and_names_are_on_the_disk_before_anybody_is_told(tmp_path, steps):
    disk.append(tmp_path, "t.csv", 0, b"head\n")
    assert steps == ["fsync", "fsync"]  # the folder too, as the file is new
    disk.append(tmp_path, "t.csv", 5, b"one\n")
    assert steps == ["fsync"] * 3

    disk.sync_folders([tmp_path, tmp_path])
    assert steps == ["fsync"] * 4


def test_what_is_not_there_is_neither_read_nor_removed(tmp_path):
    assert disk.read(tmp_path, "a.fits") is None
    assert not disk.remove(tmp_path, "a.fits")
