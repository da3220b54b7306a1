"""``generate_schemas`` writes the same bytes always, and breaks nobody in the field."""

import json
import subprocess
import sys

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from broker.config import ROOT
from tests.environment import inherited

FILES = [
    "command-acknowledgment.avsc",
    "telescope-command.avsc",
    "telescope-data.avsc",
    "telescope-status.avsc",
]


def run(*words):
    call_command("generate_schemas", *words)


def edited(path, change):
    definition = json.loads(path.read_text())
    change(definition)
    path.write_text(json.dumps(definition, indent=2) + "\n")


def test_the_files_of_the_project_are_current():
    run("--check")


def test_two_runs_write_the_same_bytes(tmp_path, capsys):
    run(tmp_path / "one")
    run(tmp_path / "two")

    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == FILES
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    capsys.readouterr()
    run(tmp_path / "one")
    assert capsys.readouterr().out == ""


def test_a_check_of_nothing_names_the_files(tmp_path):
    with pytest.raises(CommandError, match=r"telescope-data\.avsc is missing"):
        run(tmp_path, "--check")

    assert list(tmp_path.iterdir()) == []


def test_a_stale_file_fails_the_check_by_line_and_is_written_anew(tmp_path):
    run(tmp_path)
    path = tmp_path / "telescope-data.avsc"
    good = path.read_bytes()
    edited(path, lambda definition: definition["fields"][0].update(doc="another"))

    with pytest.raises(CommandError) as caught:
        run(tmp_path, "--check")

    assert '-      "doc": "another"' in str(caught.value)
    assert '+      "doc": "Unique identifier of the piece, 1 to 255 characters"' in str(
        caught.value
    )
    run(tmp_path)
    assert path.read_bytes() == good


def swap(definition):
    fields = definition["fields"][3]["type"][1]["fields"]
    fields[2], fields[3] = fields[3], fields[2]


def rename(definition):
    definition["fields"][3]["type"][1]["fields"][2]["name"] = "right_ascension"


@pytest.mark.parametrize("words", [(), ("--check",)], ids=["write", "check"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (swap, "TelescopeCommand.observation_request.ra: moved to where dec was"),
        (rename, "TelescopeCommand.observation_request.right_ascension: renamed to ra"),
    ],
    ids=["swapped", "renamed"],
)
def test_a_change_that_the_field_does_not_survive_is_refused_by_name(tmp_path, change, says, words):
    run(tmp_path)
    path = tmp_path / "telescope-command.avsc"
    edited(path, change)
    (tmp_path / "telescope-data.avsc").unlink()
    before = path.read_bytes()

    with pytest.raises(CommandError, match="would not survive") as caught:
        run(tmp_path, *words)

    assert says in str(caught.value)
    assert path.read_bytes() == before
    assert not (tmp_path / "telescope-data.avsc").exists()


def test_a_file_that_is_no_schema_is_named(tmp_path):
    run(tmp_path)
    (tmp_path / "telescope-data.avsc").write_text("{")

    with pytest.raises(CommandError, match=r"telescope-data\.avsc is not JSON"):
        run(tmp_path)


def test_a_difference_ends_the_command_with_1(tmp_path):
    done = subprocess.run(
        [sys.executable, "manage.py", "generate_schemas", str(tmp_path), "--check"],
        cwd=ROOT,
        env=inherited(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "telescope-command.avsc is missing" in done.stderr
