"""``accept_schema`` takes schema files and packets alike."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from broker.avro_schema import writer_schema
from pipeline.surveys.allowed import AllowList
from tests.samples import container

SCHEMA = {"type": "record", "name": "Alert", "fields": [{"name": "id", "type": "long"}]}


@pytest.fixture
def allowed(tmp_path):
    path = tmp_path / "allowed.toml"
    path.write_text("[schemas]\n")
    return path


@pytest.fixture
def file(tmp_path, request):
    path = tmp_path / "Alert.avsc"
    path.write_bytes(request.param)
    return path


AVSC = json.dumps(SCHEMA).encode()
PACKET = container(SCHEMA, {"id": 1})


@pytest.mark.parametrize("file", [AVSC, PACKET], ids=["avsc", "packet"], indirect=True)
def test_a_schema_is_allowed_with_a_note(file, allowed, capsys):
    call_command("accept_schema", file, "--list", allowed, "--note", "new season")

    fingerprint = writer_schema(SCHEMA).fingerprint
    assert AllowList(allowed).notes() == {fingerprint: "new season"}
    assert fingerprint in capsys.readouterr().out


@pytest.mark.parametrize("file", [PACKET], indirect=True, ids=["packet"])
def test_a_second_run_changes_nothing_and_says_so(file, allowed, capsys):
    call_command("accept_schema", file, "--list", allowed)
    once = allowed.read_bytes()

    call_command("accept_schema", file, "--list", allowed)

    assert allowed.read_bytes() == once
    assert "allowed already: Alert, from Alert.avsc" in capsys.readouterr().out


@pytest.mark.parametrize(
    "file", [b"{", PACKET[:30], b""], ids=["json", "cut", "empty"], indirect=True
)
def test_what_holds_no_schema_is_refused(file, allowed):
    with pytest.raises(CommandError, match=r"Alert\.avsc"):
        call_command("accept_schema", file, "--list", allowed)


def test_a_missing_file_is_named(tmp_path, allowed):
    with pytest.raises(CommandError, match=r"gone\.avsc"):
        call_command("accept_schema", tmp_path / "gone.avsc", "--list", allowed)
