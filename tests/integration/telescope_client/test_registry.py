"""The registry over real HTTP, with faults: absent is told from away."""

import pytest
from nightjar_telescope import RefusedError, UnavailableError, UndecodableError
from nightjar_telescope import registry as module
from nightjar_telescope.messages import TelescopeData
from nightjar_telescope.registry import Registry
from nightjar_telescope.schema import schema_of, schema_text

from tests.standins.schema_registry import busy, cut, garbage, hanging, looking_up, moved

KNOWN_ID, NO_AVRO_ID = 7, 8
SUBJECT = "telescope.data-value"

pytestmark = pytest.mark.integration


@pytest.fixture
def server():
    schemas = {KNOWN_ID: schema_text(TelescopeData), NO_AVRO_ID: "{"}
    with looking_up(schemas, {SUBJECT: KNOWN_ID}) as found:
        yield found


@pytest.fixture
def registry(server):
    found = Registry(server.url)
    yield found
    found.close()


def test_a_schema_has_its_id_each_time_it_is_asked_for(registry, server):
    assert registry.id_of(SUBJECT, TelescopeData) == KNOWN_ID
    assert registry.id_of(SUBJECT, TelescopeData) == KNOWN_ID
    assert len(server.asked) == 2


@pytest.mark.parametrize("subject", ["telescope.other-value", SUBJECT], ids=["subject", "schema"])
def test_what_is_not_registered_is_refused_with_the_remedy(registry, server, subject, monkeypatch):
    monkeypatch.setattr(module, "schema_text", lambda _: '{"type":"string"}')

    with pytest.raises(RefusedError, match=rf"TelescopeData is not registered under {subject}"):
        registry.id_of(subject, TelescopeData)


def test_a_writers_schema_is_asked_for_once(registry, server):
    assert registry.writer(KNOWN_ID)["name"] == "TelescopeData"
    assert (
        registry.writer(KNOWN_ID)["fields"][0]["name"]
        == schema_of(TelescopeData)["fields"][0]["name"]
    )
    assert len(server.asked) == 1


def test_an_unknown_id_is_a_bad_message_and_asked_for_again_a_minute_later(
    registry, server, monkeypatch
):
    for _ in range(3):
        with pytest.raises(UndecodableError, match="no schema has the id 9"):
            registry.writer(9)
    assert len(server.asked) == 1

    monkeypatch.setattr(module, "UNKNOWN_S", 0.0)
    registry._unknown_until.clear()
    for _ in range(2):
        with pytest.raises(UndecodableError):
            registry.writer(9)
    assert len(server.asked) == 3


def test_ids_beyond_number_do_not_fill_the_memory(registry, monkeypatch):
    monkeypatch.setattr(module, "MOST_UNKNOWN", 3)
    for schema_id in range(100, 108):
        with pytest.raises(UndecodableError):
            registry.writer(schema_id)

    assert len(registry._unknown_until) <= 3


def test_a_schema_that_is_no_avro_is_a_bad_message(registry):
    with pytest.raises(UndecodableError, match="schema id 8 is not Avro"):
        registry.writer(NO_AVRO_ID)


@pytest.mark.parametrize(
    ("fault", "says"),
    [(busy, "503"), (garbage, "JSON"), (cut, "."), (moved, "302"), (hanging, "timed out")],
    ids=["busy", "garbage", "cut", "moved", "hanging"],
)
def test_trouble_is_no_bad_message(server, fault, says, monkeypatch):
    monkeypatch.setattr(module, "TIMEOUT_S", 0.5)
    server.known["fault"] = fault
    registry = Registry(server.url)

    for call in (lambda: registry.writer(KNOWN_ID), lambda: registry.id_of(SUBJECT, TelescopeData)):
        with pytest.raises(UnavailableError, match=rf"registry http.*{says}"):
            call()
    registry.close()


def test_a_registry_that_is_away_is_tried_so_often_and_named():
    with looking_up({}, {}) as server:
        url = server.url
    registry = Registry(url, tries=2)

    with pytest.raises(UnavailableError, match=f"registry {url}"):
        registry.writer(1)
    registry.close()


def test_an_address_without_its_path_says_what_is_missing(server):
    def page(handler):
        handler.reply(404, b"<html>")

    server.known["fault"] = page
    registry = Registry(server.url)

    with pytest.raises(UnavailableError, match="whole path, as http://localhost:8081/apis/ccompat"):
        registry.id_of(SUBJECT, TelescopeData)
    registry.close()


def test_a_busy_registry_is_asked_again_at_start(server):
    def once(handler):
        server.known.pop("fault")
        busy(handler)

    server.known["fault"] = once
    registry = Registry(server.url, tries=3)

    assert registry.id_of(SUBJECT, TelescopeData) == KNOWN_ID
    assert len(server.asked) == 2
    registry.close()
