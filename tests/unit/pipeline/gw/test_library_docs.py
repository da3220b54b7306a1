"""The page about the library shows code that runs, and what it prints."""

import re

import pytest

from broker.config import ROOT
from tests.gw_notices import raw


def blocks_of(language):
    page = (ROOT / "docs/gw-library.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


@pytest.mark.parametrize("name", ["S250910b-earlywarning", "gw_notice_significant", "retraction"])
def test_the_example_runs_for_any_notice(tmp_path, monkeypatch, capsys, name):
    (tmp_path / "notice.json").write_bytes(raw(name))
    monkeypatch.chdir(tmp_path)
    (code,) = blocks_of("python")

    exec(compile(code, "docs/gw-library.md", "exec"), {})

    assert "score " in capsys.readouterr().out


def test_the_example_prints_what_the_page_says(tmp_path, monkeypatch, capsys):
    (tmp_path / "notice.json").write_bytes(raw("S241102br-update"))
    monkeypatch.chdir(tmp_path)
    (code,), (expected,) = blocks_of("python"), blocks_of("text")

    found: dict = {}
    exec(compile(code, "docs/gw-library.md", "exec"), found)

    assert capsys.readouterr().out == expected
    assert found["blocks"][0]["type"] == "header"
