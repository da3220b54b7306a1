"""What cron calls: it finds its place, passes on what it is given and the code that comes back."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from broker.config import ROOT

NAME = "run_lsst_consumer.sh"
STAND_IN = """#!/bin/sh
echo "got: $*"
echo "LSST Alert Consumer selected: read 3"
exit {code}
"""


@pytest.fixture
def project(tmp_path):
    """Return a function that makes a project whose Python ends with a code."""

    def make(code: int = 0) -> Path:
        shutil.copy(ROOT / NAME, tmp_path)
        python = tmp_path / ".venv/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text(STAND_IN.format(code=code))
        python.chmod(0o755)
        return tmp_path

    return make


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call it as cron does: by its whole name, from another folder."""
    return subprocess.run(
        [project / NAME, *arguments], cwd="/", check=False, capture_output=True, text=True
    )


def log_of(project: Path) -> str:
    [log] = (project / "logs").glob("lsst_consumer_*.log")
    return log.read_text()


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ((), "got: manage.py collect selected"),
        (("--workers", "8"), "got: manage.py collect selected --workers 8"),
        (("usdf-mine", "--duration", "60"), "got: manage.py collect usdf-mine --duration 60"),
    ],
)
def test_the_source_and_options_reach_the_command(project, given, passed):
    ran = run(project(), *given)

    assert ran.returncode == 0
    assert passed in ran.stdout.splitlines()


@pytest.mark.parametrize("code", [1, 2])
def test_a_run_that_failed_ends_with_its_code_and_is_in_the_log(project, code):
    place = project(code)

    ran = run(place)

    assert ran.returncode == code
    assert log_of(place) == ran.stdout
    assert ran.stdout.endswith("LSST Alert Consumer selected: read 3\n")


def test_logs_are_added_to(project):
    place = project()
    run(place)
    run(place)

    assert log_of(place).count("got: ") == 2


def test_while_another_run_works_nothing_is_done(project):
    place = project()
    run(place)
    with (place / "logs/.lsst_consumer_selected.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ran, other = run(place), run(place, "babamul")

    assert (ran.returncode, other.returncode) == (75, 0)
    assert "still works" in ran.stdout
    assert "got:" not in ran.stdout


@pytest.mark.parametrize("source", ["../selected", "a b", "Selected;true"])
def test_what_is_no_source_is_refused_before_anything_is_made(project, source):
    place = project()

    ran = run(place, source)

    assert ran.returncode == 2
    assert not (place / "logs").exists()
