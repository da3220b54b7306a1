"""What is said of a machine before the environment is there."""

import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from compose.native import beforehand, jars, packages
from compose.native.home import ROOT


class Usage(NamedTuple):
    """Of a disk [bytes]."""

    total: int
    used: int
    free: int


def test_the_standard_library_is_enough():
    done = subprocess.run(
        [sys.executable, "-S", "-m", "compose.native.beforehand"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    assert "environment not made yet" in done.stdout


def test_an_old_python_is_named_with_what_is_needed(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))

    found = beforehand.python()

    assert not found.is_met
    assert "3.11" in found.text


@pytest.mark.parametrize(("free_bytes", "is_met"), [(10**9, False), (10**12, True)])
def test_a_full_disk_is_a_need(free_bytes, is_met, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, free_bytes))

    (disk,) = [each for each in beforehand.examine() if each.name == "disk"]

    assert disk.is_met is is_met


def test_without_maven_jars_and_root_a_command_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(jars, "find_maven", lambda: None)
    monkeypatch.setattr(jars, "LIBS", tmp_path)
    monkeypatch.setattr(packages, "may_install", lambda: False)

    assert str(beforehand.maven()).startswith("MISSING maven")
    assert "sudo apt-get install" in beforehand.maven().text
    assert beforehand.main() == 1
