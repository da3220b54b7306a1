"""Our schemas in a registry: registered once, never against the field, ids never reused."""

import json
import uuid
from dataclasses import dataclass, field

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from django.core.management import call_command
from django.core.management.base import CommandError
from nightjar_telescope.messages import KINDS, TelescopeCommand, TelescopeData, TelescopeStatus
from nightjar_telescope.schema import schema_of, schema_text
from sqlalchemy import select
from structlog.testing import capture_logs

from broker.avro_schema import SchemaCache
from broker.config import config
from broker.errors import TransientError
from pipeline.clients.schema_registry import SchemaRefusedError, SchemaRegistry, Version
from pipeline.telescope import registration
from pipeline.telescope.registration import (
    EvolutionError,
    SchemaIdError,
    fingerprint,
    ids,
    kept_schema,
    register,
)
from pipeline.telescope.schema_table import TelescopeSchema
from tests.integration.telescope.conftest import records, word
from tests.unit.telescope_client import second

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0
RECORD = {"type": "record", "name": "Other", "fields": [{"name": "n", "type": "long"}]}


@dataclass
class Memory:
    """A registry that only remembers."""

    known: dict[int, str] = field(default_factory=dict)
    under: dict[str, list[int]] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    is_away: bool = False
    next_id: int = 1

    def schema(self, schema_id):
        self.answer()
        text = self.known.get(schema_id)
        return None if text is None else json.loads(text)

    def version(self, subject, definition):
        self.answer()
        for number, schema_id in enumerate(self.under.get(subject, []), 1):
            if self.known[schema_id] == definition.decode():
                return Version(schema_id, number, json.loads(definition))
        return None

    def latest(self, subject):
        self.answer()
        if subject not in self.under:
            return None
        schema_id = self.under[subject][-1]
        return Version(schema_id, len(self.under[subject]), json.loads(self.known[schema_id]))

    def register(self, subject, definition, compatibility):
        self.answer()
        self.rules[subject] = compatibility
        text = definition.decode()
        by_text = {known: schema_id for schema_id, known in self.known.items()}
        schema_id = by_text.get(text, self.next_id)
        if schema_id == self.next_id:
            self.known[schema_id] = text
            self.next_id += 1
        self.under.setdefault(subject, []).append(schema_id)
        return schema_id

    def answer(self):
        if self.is_away:
            raise TransientError("registry: away")


@pytest.fixture
def memory(session):
    return Memory()


def wanted(prefix="telescope."):
    return [(f"{prefix}{kind.topic_end}-value", kind.message) for kind in KINDS]


def rows(session):
    session.expire_all()
    return list(session.scalars(select(TelescopeSchema).order_by(TelescopeSchema.id)))


def test_every_subject_gets_its_schema_once_and_it_is_kept(memory, session):
    found = register(memory, wanted())
    again = register(memory, wanted())

    assert found == again
    assert [each.subject for each in found] == [subject for subject, _ in wanted()]
    assert {each.version for each in found} == {1}
    assert set(memory.rules.values()) == {"BACKWARD"}
    assert [(row.subject, row.schema_id, row.version, row.definition) for row in rows(session)] == [
        (each.subject, each.schema_id, 1, schema_text(message))
        for each, (_, message) in zip(found, wanted(), strict=True)
    ]


def test_two_telescopes_share_ids_and_have_subjects_of_their_own(memory, session):
    both = [*wanted(), *wanted("telescope.tca.")]

    found = ids(memory, both)

    assert len(found) == 8
    assert found["telescope.data-value"] == found["telescope.tca.data-value"]
    assert len(rows(session)) == 8


def test_a_field_appended_to_the_observation_is_the_next_version(memory):
    subject = "telescope.commands-value"
    (first,) = register(memory, [(subject, TelescopeCommand)])

    (next_one,) = register(memory, [(subject, second.TelescopeCommand)])

    assert (first.version, next_one.version) == (1, 2)
    assert first.schema_id != next_one.schema_id
    assert register(memory, [(subject, TelescopeCommand)]) == [first]


def test_what_the_field_does_not_survive_is_refused_by_name_and_not_registered(memory, session):
    subject = "telescope.commands-value"
    text = schema_text(TelescopeCommand).replace('"name":"ra"', '"name":"alpha"')
    memory.register(subject, text.encode(), "NONE")

    with pytest.raises(EvolutionError, match=r"observation_request\.alpha: renamed to ra"):
        register(memory, [(subject, TelescopeCommand)])

    assert len(memory.under[subject]) == 1
    assert rows(session) == []


def test_an_id_that_means_another_schema_now_stops_by_name(memory, session):
    (known,) = register(memory, [("telescope.data-value", TelescopeData)])
    memory.known[known.schema_id] = json.dumps(RECORD)

    with pytest.raises(SchemaIdError, match=r"id 1 meant .* telescope.data-value .* means Other"):
        register(memory, [("telescope.status-value", TelescopeStatus)])

    assert "telescope.status-value" not in memory.under
    assert len(rows(session)) == 1


def test_a_default_that_changed_is_another_schema(memory, session):
    (known,) = register(memory, [("telescope.status-value", TelescopeStatus)])
    text = memory.known[known.schema_id].replace('"default":"info"', '"default":"error"')
    memory.known[known.schema_id] = text

    with pytest.raises(SchemaIdError, match="means TelescopeStatus now"):
        register(memory, [])


def test_other_texts_are_the_same_schema():
    texts = json.loads(schema_text(TelescopeData).replace("Unique", "The one"))

    assert texts != schema_of(TelescopeData)
    assert fingerprint(texts) == fingerprint(schema_of(TelescopeData))


def test_a_registry_that_lost_its_memory_gives_new_ids_and_both_are_kept(memory, session):
    (known,) = register(memory, [("telescope.data-value", TelescopeData)])
    empty = Memory(next_id=known.schema_id + 1)

    with capture_logs() as logs:
        (new,) = register(empty, [("telescope.data-value", TelescopeData)])

    assert [(each["event"], each["schema_id"]) for each in logs] == [
        ("telescope.registry_forgot", known.schema_id)
    ]
    assert [row.schema_id for row in rows(session)] == [known.schema_id, new.schema_id]
    assert kept_schema(known.schema_id) == kept_schema(new.schema_id) == schema_of(TelescopeData)


def test_a_registry_that_lost_its_memory_and_gives_an_id_again_stops_by_name(memory, session):
    register(memory, [("telescope.data-value", TelescopeData)])

    with pytest.raises(SchemaIdError, match=r"telescope.status-value got id 1, .* lost its memory"):
        register(Memory(), [("telescope.status-value", TelescopeStatus)])

    assert [row.subject for row in rows(session)] == ["telescope.data-value"]


def test_while_the_registry_is_away_kept_ids_serve_and_the_log_says_so(memory):
    found = ids(memory, wanted())
    memory.is_away = True

    with capture_logs() as logs:
        assert ids(memory, wanted()) == found

    assert logs[-1]["event"] == "telescope.registry_away"
    assert logs[-1]["kept_ids"] == found


def test_without_registry_and_kept_id_the_subject_is_named(memory):
    register(memory, wanted()[:3])
    memory.is_away = True

    with pytest.raises(TransientError, match=r"no id is kept for telescope\.status-value"):
        ids(memory, wanted())


def test_the_newest_of_two_ids_serves(memory, session):
    (known,) = register(memory, [("telescope.data-value", TelescopeData)])
    (new,) = register(
        Memory(next_id=known.schema_id + 5), [("telescope.data-value", TelescopeData)]
    )

    assert registration.kept_ids([("telescope.data-value", TelescopeData)]) == {
        "telescope.data-value": new.schema_id
    }


def test_what_is_kept_is_a_source_of_writer_schemas(memory):
    (known,) = register(memory, [("telescope.data-value", TelescopeData)])
    cache = SchemaCache([kept_schema])

    assert cache.get(known.schema_id).name == "TelescopeData"
    with pytest.raises(LookupError):
        cache.get(known.schema_id + 1)


@pytest.fixture
def real(real_registry, session):
    """The real registry, with time for a machine that tests keep busy."""
    return SchemaRegistry(config().registry.url, PATIENCE_S)


@pytest.fixture
def published(real):
    """The published client of the same registry."""
    with SchemaRegistryClient({"url": config().registry.url}) as client:
        yield client


REAL = [pytest.mark.slow, pytest.mark.xdist_group("registry")]


class TestRealRegistry:
    """Apicurio by its Confluent interface."""

    pytestmark = REAL

    def test_the_same_schema_again_has_the_same_id_and_version(self, real, published):
        prefix = f"telescope.{word()}."

        first = register(real, wanted(prefix))

        assert register(real, wanted(prefix)) == first
        assert {each.version for each in first} == {1}
        for each in first:
            assert published.get_compatibility(each.subject) == "BACKWARD"
            kind = next(k for k in KINDS if each.subject == f"{prefix}{k.topic_end}-value")
            assert published.get_schema(each.schema_id).schema_str == schema_text(kind.message)

    def test_version_2_follows_and_version_1_keeps_its_own(self, real):
        subject = f"telescope.{word()}.commands-value"
        (first,) = register(real, [(subject, TelescopeCommand)])

        (next_one,) = register(real, [(subject, second.TelescopeCommand)])

        assert (first.version, next_one.version) == (1, 2)
        assert register(real, [(subject, TelescopeCommand)]) == [first]
        assert real.latest(subject).number == 2

    def test_a_renamed_field_that_the_registry_takes_is_refused_by_us(self, real):
        taken, ours = f"telescope.{word()}.data-value", f"telescope.{word()}.data-value"
        text = schema_text(TelescopeStatus).replace('"name":"component"', '"name":"part"')
        for subject in (taken, ours):
            real.register(subject, text.encode(), "BACKWARD")

        # The registry has nothing against it: the field has a default.
        real.register(taken, schema_text(TelescopeStatus).encode(), "BACKWARD")
        with pytest.raises(EvolutionError, match=r"TelescopeStatus\.part: renamed to component"):
            register(real, [(ours, TelescopeStatus)])

        assert real.latest(taken).number == 2
        assert real.latest(ours).number == 1

    def test_what_the_registry_itself_refuses_is_named_and_not_tried_again(self, real):
        subject = f"telescope.{word()}.data-value"
        real.register(subject, schema_text(TelescopeData).encode(), "BACKWARD")
        text = schema_text(TelescopeData).replace('"name":"data_id"', '"name":"piece_id"')

        with pytest.raises(SchemaRefusedError, match=r"409: .*piece_id"):
            real.register(subject, text.encode(), "BACKWARD")

    def test_an_id_that_is_another_schemas_stops_by_name(self, real, session):
        other = f"{uuid.uuid4().hex}-value"
        text = json.dumps(RECORD | {"name": f"R{uuid.uuid4().hex}"})
        foreign = real.register(other, text.encode())
        session.add(
            TelescopeSchema(
                subject="telescope.data-value",
                fingerprint=fingerprint(schema_of(TelescopeData)),
                schema_id=foreign,
                version=1,
                definition=schema_text(TelescopeData),
            )
        )
        session.flush()
        prefix = f"telescope.{word()}."

        with pytest.raises(SchemaIdError, match=f"id {foreign} meant the schema of telescope.data"):
            register(real, wanted(prefix))

        assert real.latest(f"{prefix}data-value") is None

    @pytest.mark.usefixtures("real")
    def test_the_command_registers_the_subjects_of_every_telescope(self, set_up, tmp_path, capsys):
        names = word(), word()
        set_up(telescopes=records(*names))

        call_command("generate_schemas", tmp_path, "--register")
        first = capsys.readouterr().out
        call_command("generate_schemas", tmp_path, "--register")

        assert first.endswith(again := capsys.readouterr().out)
        assert [line.partition(":")[0] for line in again.splitlines()] == [
            f"telescope.{name}.{kind.topic_end}-value" for name in names for kind in KINDS
        ]
        assert all(line.endswith("version 1") for line in again.splitlines())


def test_without_a_registry_the_command_says_where_it_is_to_be(session, set_up, tmp_path):
    set_up(telescopes=records(word()), registry__url="http://127.0.0.1:9/apis/ccompat/v7")

    with pytest.raises(CommandError, match=r"refused.*\n.*127\.0\.0\.1:9.*compose/native up"):
        call_command("generate_schemas", tmp_path, "--register")
