import json

import pytest
from django.core.management import CommandError, call_command
from pyarrow import csv, parquet

SMALL = {"ztf": 12, "lsst": 8, "seed": 2, "start": "2026-08-01"}


def run(*words, **options):
    given = [f"--{name.replace('_', '-')}={value}" for name, value in {**SMALL, **options}.items()]
    call_command("simulate", *words, *given)


def files(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_packets_go_to_a_folder_with_their_truth(tmp_path, capsys):
    run(to=tmp_path / "night", truth=tmp_path / "truth.jsonl")

    rows = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    folders = {path.parent.name for path in files(tmp_path / "night")}
    assert len(files(tmp_path / "night")) == len(rows) == 20
    assert folders == {row["input_topic"] for row in rows}
    assert "seed 2, first night 2026-08-01" in capsys.readouterr().out


def test_the_same_words_give_the_same_bytes(tmp_path):
    run(to=tmp_path / "once")
    run(to=tmp_path / "again")

    assert files(tmp_path / "once") == files(tmp_path / "again")


def test_catalogs_and_truth_can_be_written_alone(tmp_path, capsys):
    run(
        catalog=tmp_path / "lspsc.parquet",
        archival=tmp_path / "gaia.csv",
        truth=tmp_path / "truth.jsonl",
        background=50,
    )

    assert parquet.read_table(tmp_path / "lspsc.parquet").num_rows > 50
    assert "phot_g_mean_mag" in csv.read_csv(tmp_path / "gaia.csv").column_names
    assert len((tmp_path / "truth.jsonl").read_text().splitlines()) == 20
    assert "manage.py load_catalog gaia_dr3" in capsys.readouterr().out


def test_without_a_date_the_last_night_is_taken(tmp_path, capsys):
    call_command("simulate", "--ztf=0", "--lsst=0")

    assert "first night 20" in capsys.readouterr().out


def test_an_impossible_wish_is_one_line():
    with pytest.raises(CommandError, match="nights >= 1"):
        run(nights=0)


def test_a_wrong_date_is_named():
    with pytest.raises(CommandError, match="'yesterday' is no date of the form YYYY-MM-DD"):
        run(start="yesterday")


@pytest.mark.parametrize("schema_id", [9999, 0, -1])
def test_an_lsst_schema_that_nobody_has_is_one_line(schema_id):
    with pytest.raises(CommandError, match=f"no LSST schema has the id {schema_id}"):
        call_command("simulate", "--ztf=0", "--lsst=1", f"--lsst-schemas={schema_id}")
