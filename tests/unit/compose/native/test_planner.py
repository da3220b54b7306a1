"""What doctor says of gwemopt: absent, being installed, or its version; nothing waits for it."""

import fcntl
from importlib import metadata

import pytest

from compose.native import planner
from compose.native.home import Home


@pytest.fixture
def home(tmp_path, monkeypatch) -> Home:
    monkeypatch.setattr(planner, "LOCK", tmp_path / "plans.lock")
    made = Home(tmp_path)
    made.make()
    return made


@pytest.fixture
def found(monkeypatch):
    """Say which version is installed; none at first."""

    def set_(version):
        def ask(name):
            if version is None:
                raise metadata.PackageNotFoundError(name)
            return version

        monkeypatch.setattr(metadata, "version", ask)

    set_(None)
    return set_


def test_its_absence_is_named_with_what_mends_it_and_stops_nothing(home, found):
    need = planner.need(home)

    assert need.name == "gwemopt"
    assert need.is_met
    assert need.text == "absent: no observation plans until: make plans"


def test_why_it_could_not_be_installed_is_said(home, found):
    (home.logs / "plans.log").write_text("Collecting\nERROR: no space left\n")

    text = planner.need(home).text

    assert "absent" in text
    assert "ERROR: no space left" in text


def test_while_it_is_being_installed_the_last_line_is_said(home, found):
    (home.logs / "plans.log").write_text("Collecting gwemopt\n")

    with planner.LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = planner.need(home).text

    assert text.startswith("is being installed (Collecting gwemopt)")


def test_once_it_is_there_its_version_is_said(home, found):
    found("0.4.2")
    planner.LOCK.touch()

    assert planner.need(home).text == "0.4.2"
