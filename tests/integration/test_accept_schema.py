"""``accept_schema`` takes schema files and packets, and lets a stream go on that they stopped."""

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from broker.avro import Containers, UnreadableError
from broker.avro_confluent import read_confluent
from broker.avro_schema import SchemaCache, writer_schema
from broker.config import config
from broker.dead_letters import OfSchema
from broker.ranges import stops
from pipeline.surveys.allowed import AllowList
from pipeline.surveys.lsst import directory_schema
from tests.factories import make_dead_letter, make_source
from tests.samples import container, framed

pytestmark = pytest.mark.integration
SCHEMA = {"type": "record", "name": "Alert", "fields": [{"name": "id", "type": "long"}]}


@pytest.fixture(autouse=True)
def _rows(session):
    """Every run of the command looks for streams that its schema stopped."""


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


@pytest.fixture
def make_letters(session):
    """Return a function that makes letters of ZTF with one reason and message."""
    source = make_source(session)
    made = []

    def make(count, reason, message, **given):
        for _ in range(count):
            at = len(made)
            values = {"source_offset": at, "last_offset": at, "reason": reason, "message": message}
            made.append(make_dead_letter(session, source, **values | given))
        return made[-count:]

    return make


def refusal(read):
    """Return what the reader says of a packet: reason and message of its letter."""
    with pytest.raises(UnreadableError) as caught:
        read()
    return caught.value.reason, str(caught.value)


def no_container():
    return refusal(lambda: Containers(lambda _: False).read(PACKET))


def no_id(schema_id):
    return refusal(lambda: read_confluent(SchemaCache([]), framed(SCHEMA, schema_id, {"id": 1})))


def accept(file, allowed, *words):
    call_command("accept_schema", file, "--list", allowed, *words)


file_of_schema = pytest.mark.parametrize("file", [AVSC], indirect=True, ids=["avsc"])


@file_of_schema
def test_a_stream_that_this_schema_stopped_runs_again(session, file, allowed, make_letters, capsys):
    make_letters(60, *no_container())
    make_letters(40, "bad_value", "jd is NaN")
    stops.stop(session, "ztf", "60 of the last 100 packets became dead letters")

    accept(file, allowed)

    assert stops.stop_reason(session, "ztf") is None
    out = capsys.readouterr().out
    assert "ztf runs again; this schema had stopped it." in out
    assert "60 dead letters came with this schema; --retry sends them once more." in out


@file_of_schema
@pytest.mark.parametrize(
    ("by", "share"), [("ada", 100), ("breaker", 50)], ids=["operator", "another cause"]
)
def test_a_stream_that_was_stopped_for_something_else_stays_stopped(
    session, file, allowed, make_letters, by, share
):
    make_letters(share, *no_container())
    make_letters(100 - share or 1, "bad_value", "jd is NaN")
    stops.stop(session, "ztf", "a reason", by)

    accept(file, allowed)

    assert stops.stop_reason(session, "ztf") == "a reason"


@file_of_schema
def test_its_letters_are_sent_once_more(file, allowed, make_letters, asked, capsys):
    wanted = make_letters(3, *no_container())
    make_letters(1, *no_container(), state="ignored")
    make_letters(1, "bad_value", "jd is NaN")
    make_letters(1, "schema_not_allowed", f"schema x, fingerprint {'0' * 64}, is not on")

    accept(file, allowed, "--retry")

    assert asked == [letter.id for letter in wanted]
    assert "3 of 3 dead letters are sent once more." in capsys.readouterr().out


@file_of_schema
def test_a_schema_gets_the_id_that_packets_name(
    file, allowed, make_letters, asked, tmp_path, monkeypatch
):
    monkeypatch.setenv("NIGHTJAR_LSST__SCHEMA_DIR", str(tmp_path / "schemas"))
    config.cache_clear()
    wanted = make_letters(2, *no_id(1200))
    make_letters(1, *no_id(12001))

    accept(file, allowed, "--id", "1200", "--retry")
    accept(file, allowed, "--id", "1200")

    assert asked == [letter.id for letter in wanted]
    found = writer_schema(directory_schema(str(tmp_path / "schemas"), 1200))
    assert found.fingerprint == writer_schema(SCHEMA).fingerprint
    assert AllowList(allowed).notes() == {}
    config.cache_clear()


@file_of_schema
def test_an_id_keeps_its_meaning(file, allowed, tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_LSST__SCHEMA_DIR", str(tmp_path))
    config.cache_clear()
    other = SCHEMA | {"name": "Other"}
    (tmp_path / "7.avsc").write_text(json.dumps(other))

    with pytest.raises(CommandError, match="never changes its meaning"):
        accept(file, allowed, "--id", "7")

    assert json.loads((tmp_path / "7.avsc").read_text()) == other
    config.cache_clear()


@file_of_schema
def test_an_id_needs_a_folder(file, allowed):
    with pytest.raises(CommandError, match=r"lsst\.schema_dir"):
        accept(file, allowed, "--id", "7")


def test_letters_of_a_schema_are_found_by_what_the_readers_say(session, make_letters):
    fingerprint = writer_schema(SCHEMA).fingerprint
    by_fingerprint = make_letters(1, *no_container())
    by_id = make_letters(1, *no_id(7))

    assert OfSchema(fingerprint).open_letters(session) == [by_fingerprint[0].id]
    assert OfSchema(fingerprint, 7).open_letters(session) == [by_fingerprint[0].id, by_id[0].id]
    assert OfSchema(fingerprint).share(session, "ztf", 100) == 0.5
    assert OfSchema(fingerprint).share(session, "lsst", 100) == 0
