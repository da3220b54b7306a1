"""The command that loads a catalog, and what it says."""

import io

import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from django.core.management import CommandError, call_command

from pipeline.management.commands import load_catalog

pytestmark = pytest.mark.integration


@pytest.fixture
def run(connection, monkeypatch):
    """Run the command on this module's database; returns what it printed."""
    monkeypatch.setattr(load_catalog, "own_connection", lambda: _Lent(connection))

    def run(*words):
        out = io.StringIO()
        call_command("load_catalog", *map(str, words), stdout=out)
        return out.getvalue()

    return run


class _Lent:
    def __init__(self, connection):
        self._connection = connection

    def __enter__(self):
        return self._connection

    def __exit__(self, *_):
        return None


def test_the_command_says_what_it_took_and_what_it_left(run, tmp_path):
    path = tmp_path / "a.tsv"
    rows = {"ra": ["10", "bad"], "dec": ["1", "2"], "VarType": ["M", "SR"], "Epoch": ["1", "2"]}
    pacsv.write_csv(pa.table(rows), path, pacsv.WriteOptions(delimiter="|"))

    said = run("gcvs", path, "--separator", "pipe")

    assert "gcvs: 1 rows in" in said
    assert "var_type from VarType" in said
    assert "empty, the file has none: name" in said
    assert "not used: Epoch" in said
    assert "row 2: ra bad, dec 2" in said
    assert "same file is loaded already, 1 rows" in run("gcvs", path, "--separator", "pipe")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--column", "score"], "wanted OURS=THEIRS"),
        (["--column", "kind=VarType"], "gcvs has no column kind"),
        (["--separator", "::"], "separator '::'"),
        ([], "no column for ra"),
    ],
)
def test_the_command_refuses_with_one_line(run, tmp_path, words, said):
    path = tmp_path / "a.csv"
    path.write_text("VarType\nM\n")

    with pytest.raises(CommandError, match=said):
        run("gcvs", path, *words)
