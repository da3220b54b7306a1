"""Changes that applications in the field do not survive are refused by name, most of which a
registry is content with."""

import json
import re

import pytest
from nightjar_telescope.evolution import forbidden_changes
from nightjar_telescope.messages import KINDS, CommandAcknowledgment, TelescopeCommand
from nightjar_telescope.schema import schema_of, schema_text

OBSERVATION = "TelescopeCommand.observation_request"


def copy_of(kind):
    return json.loads(schema_text(kind))


def observation(definition):
    return definition["fields"][3]["type"][1]


def field(record, name):
    return next(each for each in record["fields"] if each["name"] == name)


def rename(definition):
    field(observation(definition), "status")["name"] = "state"


def rename_without_default(definition):
    field(observation(definition), "ra")["name"] = "right_ascension"


def swap(definition):
    fields = observation(definition)["fields"]
    fields[2], fields[3] = fields[3], fields[2]


def retype(definition):
    field(observation(definition), "ra")["type"] = "float"


def nullable(definition):
    field(observation(definition), "status")["type"] = ["null", "string"]


def remove(definition):
    record = observation(definition)
    record["fields"] = [each for each in record["fields"] if each["name"] != "id"]


def redefault(definition):
    field(observation(definition), "status")["default"] = "new"


def undefault(definition):
    del field(definition, "timestamp")["default"]


def falsy_default(definition):
    field(definition, "timestamp")["default"] = False


def namespace(definition):
    definition["namespace"] = "org.example"


def nested_namespace(definition):
    observation(definition)["namespace"] = "org.example"


def alias(definition):
    field(observation(definition), "ra")["aliases"] = ["right_ascension"]


def other_name(definition):
    definition["name"] = "Command"


def logical_type(definition):
    field(observation(definition), "created_at")["type"] = "long"


def nested_user(definition):
    user = field(observation(definition), "user")["type"][1]
    user["fields"].append({"name": "orcid", "type": ["null", "string"], "default": None})


def in_the_middle(definition):
    new = {"name": "filter", "type": ["null", "string"], "default": None}
    observation(definition)["fields"].insert(11, new)


def outside(definition):
    definition["fields"].append({"name": "filter", "type": ["null", "string"], "default": None})


def without_default(definition):
    observation(definition)["fields"].append({"name": "filter", "type": ["null", "string"]})


def with_default_text(definition):
    new = {"name": "filter", "type": "string", "default": ""}
    observation(definition)["fields"].append(new)


def second_branch(definition):
    new = {"name": "filter", "type": ["string", "null"], "default": None}
    observation(definition)["fields"].append(new)


COMMAND_CHANGES = {
    rename: [f"{OBSERVATION}.status: renamed to state"],
    rename_without_default: [f"{OBSERVATION}.ra: renamed to right_ascension"],
    swap: [
        f"{OBSERVATION}.dec: moved to where ra was",
        f"{OBSERVATION}.ra: moved to where dec was",
    ],
    retype: [f'{OBSERVATION}.ra: type "double" became "float"'],
    nullable: [f'{OBSERVATION}.status: type "string" became ["null", "string"]'],
    remove: [f"{OBSERVATION}.id: removed"],
    redefault: [f'{OBSERVATION}.status: default "pending" became "new"'],
    undefault: ["TelescopeCommand.timestamp: default 0 became none"],
    falsy_default: ["TelescopeCommand.timestamp: default 0 became false"],
    namespace: ['TelescopeCommand: namespace null became "org.example"'],
    nested_namespace: [f'{OBSERVATION}: namespace null became "org.example"'],
    alias: [f'{OBSERVATION}.ra: aliases null became ["right_ascension"]'],
    other_name: ['Command: name "TelescopeCommand" became "Command"'],
    logical_type: [
        (
            f'{OBSERVATION}.created_at: type {{"logicalType": "timestamp-millis", "type": "long"}}'
            ' became "long"'
        )
    ],
    nested_user: [f"{OBSERVATION}.user.orcid: added; only ObservationBase takes new fields"],
    in_the_middle: [f"{OBSERVATION}.filter: added before the end of ObservationBase"],
    outside: ["TelescopeCommand.filter: added; only ObservationBase takes new fields"],
    without_default: [f"{OBSERVATION}.filter: added without being null by default"],
    with_default_text: [f"{OBSERVATION}.filter: added without being null by default"],
    second_branch: [f"{OBSERVATION}.filter: added without being null by default"],
}


@pytest.mark.parametrize(
    ("change", "says"), COMMAND_CHANGES.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_a_change_that_the_field_does_not_survive_is_named(change, says):
    new = copy_of(TelescopeCommand)
    change(new)

    assert forbidden_changes(schema_of(TelescopeCommand), new) == says


def new_symbol(enum):
    enum["symbols"].append("paused")


def lost_symbol(enum):
    enum["symbols"].remove("timeout")


def swapped_symbols(enum):
    enum["symbols"].reverse()


def other_default(enum):
    enum["default"] = "failed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (new_symbol, "CommandAcknowledgment.status: symbol paused is new"),
        (lost_symbol, "CommandAcknowledgment.status: symbol timeout is gone"),
        (swapped_symbols, "CommandAcknowledgment.status: symbols .* became"),
        (other_default, 'CommandAcknowledgment.status: default symbol "received" became "failed"'),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_change_of_an_enum_is_named(change, says):
    new = copy_of(CommandAcknowledgment)
    change(new["fields"][3]["type"])

    (found,) = forbidden_changes(schema_of(CommandAcknowledgment), new)

    assert re.match(says, found)


def test_every_change_is_named():
    new = copy_of(TelescopeCommand)
    rename(new)
    retype(new)
    namespace(new)

    assert len(forbidden_changes(schema_of(TelescopeCommand), new)) == 3


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
def test_the_same_schema_has_no_change(kind):
    assert forbidden_changes(copy_of(kind.message), schema_of(kind.message)) == []


def test_fields_appended_to_the_observation_and_other_texts_are_no_trouble():
    new = copy_of(TelescopeCommand)
    for name in ("filter", "trigger_id"):
        appended = {"name": name, "type": ["null", "string"], "doc": "x", "default": None}
        observation(new)["fields"].append(appended)
    new["doc"] = "another"
    field(new, "timestamp")["doc"] = "another"

    assert forbidden_changes(schema_of(TelescopeCommand), new) == []
    assert forbidden_changes(new, schema_of(TelescopeCommand)) == [
        f"{OBSERVATION}.filter: removed",
        f"{OBSERVATION}.trigger_id: removed",
    ]


def test_what_is_no_record_is_a_change():
    assert forbidden_changes("string", schema_of(TelescopeCommand))
