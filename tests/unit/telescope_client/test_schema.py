"""Schemas of the four messages: the wire's names, order, types and defaults, and no others."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, ClassVar

import fastavro
import pytest
from nightjar_telescope.messages import KINDS, Message, TelescopeCommand
from nightjar_telescope.schema import SchemaError, milliseconds, schema_file, schema_of, schema_text

from broker.config import ROOT
from tests.environment import inherited

NO = object()
MS = {"type": "long", "logicalType": "timestamp-millis"}
ACK_SYMBOLS = ["received", "started", "completed", "failed", "rejected", "timeout"]
ACK = {"type": "enum", "name": "AckStatus", "symbols": ACK_SYMBOLS, "default": "received"}
LEVEL_SYMBOLS = ["info", "warning", "error", "critical"]
LEVEL = {"type": "enum", "name": "StatusLevel", "symbols": LEVEL_SYMBOLS, "default": "warning"}

USER = [
    ("user_id", "string", NO),
    ("username", "string", NO),
    ("email", "string", NO),
    ("id", "long", NO),
    ("is_active", "boolean", NO),
    ("created_at", MS, NO),
]
OBSERVATION = [
    ("target_name", "string", NO),
    ("observation_object", "string", NO),
    ("ra", "double", NO),
    ("dec", "double", NO),
    ("center_frequency", "double", NO),
    ("rf_gain", "double", NO),
    ("if_gain", "double", NO),
    ("bb_gain", "double", NO),
    ("observation_type", "string", NO),
    ("integration_time", "double", NO),
    ("output_filename", "string", NO),
    ("id", ["null", "long"], None),
    ("observation_id", "string", ""),
    ("user_id", "long", 0),
    ("user", ["null", ("UserBase", USER)], None),
    ("status", "string", "pending"),
    ("submitted_at", MS, 0),
    ("completed_at", ["null", MS], None),
    ("created_at", MS, 0),
    ("updated_at", MS, 0),
]
WIRE = {
    "telescope-command.avsc": (
        "TelescopeCommand",
        [
            ("command_id", "string", ""),
            ("command_type", "string", "start_observation"),
            ("timestamp", "long", 0),
            ("observation_request", ["null", ("ObservationBase", OBSERVATION)], None),
        ],
    ),
    "command-acknowledgment.avsc": (
        "CommandAcknowledgment",
        [
            ("ack_id", "string", NO),
            ("command_id", "string", NO),
            ("timestamp", "long", NO),
            ("status", ACK, NO),
            ("message", ["null", "string"], None),
            ("source_application", "string", ""),
            ("source_hostname", ["null", "string"], None),
            ("progress_percent", ["null", "double"], None),
            ("estimated_completion_time", ["null", "long"], None),
            ("error_code", ["null", "string"], None),
            ("error_details", ["null", "string"], None),
        ],
    ),
    "telescope-data.avsc": (
        "TelescopeData",
        [
            ("data_id", "string", NO),
            ("observation_id", "string", NO),
            ("sequence_number", "long", NO),
            ("timestamp", "long", NO),
            ("data_payload", ["null", "bytes"], None),
        ],
    ),
    "telescope-status.avsc": (
        "TelescopeStatus",
        [
            ("status_id", "string", NO),
            ("timestamp", "long", NO),
            ("source_application", "string", ""),
            ("source_hostname", ["null", "string"], None),
            ("level", LEVEL, "info"),
            ("component", "string", ""),
            ("message", "string", ""),
            ("is_operational", "boolean", True),
            ("current_observation_id", ["null", "string"], None),
            ("cpu_usage_percent", ["null", "double"], None),
            ("memory_usage_percent", ["null", "double"], None),
            ("disk_usage_percent", ["null", "double"], None),
            ("error_code", ["null", "string"], None),
            ("additional_info", ["null", "string"], None),
        ],
    ),
}
"""Transcribed from the description of the wire: nested records as (name, fields)."""


def plain(kind):
    if isinstance(kind, list):
        return [plain(branch) for branch in kind]
    if isinstance(kind, dict) and kind["type"] == "record":
        assert set(kind) == {"type", "name", "doc", "fields"}
        return kind["name"], [
            (each["name"], plain(each["type"]), each.get("default", NO)) for each in kind["fields"]
        ]
    return kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
def test_a_schema_is_the_wires(kind):
    assert plain(schema_of(kind.message)) == WIRE[kind.file]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.file)
def test_fastavro_parses_the_file_and_every_field_says_what_it_is(kind):
    definition = json.loads(schema_file(kind.message))

    fastavro.parse_schema(definition)

    assert json.loads(schema_text(kind.message)) == definition
    assert schema_text(kind.message).isascii()
    assert all(each["doc"] for each in definition["fields"])


def test_every_process_has_the_same_text_in_any_zone_and_without_docstrings():
    program = (
        "from nightjar_telescope.messages import KINDS\n"
        "from nightjar_telescope.schema import schema_file\n"
        "print(''.join(schema_file(kind.message) for kind in KINDS), end='')"
    )

    def printed(*options, **environment):
        return subprocess.run(
            [sys.executable, *options, "-c", program],
            cwd=ROOT,
            env=inherited(environment),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    here = "".join(schema_file(kind.message) for kind in KINDS)
    assert printed("-OO", TZ="America/New_York", PYTHONHASHSEED="1") == here
    assert printed(TZ="Asia/Tokyo", PYTHONHASHSEED="2") == here


@dataclass(frozen=True)
class WithoutDoc(Message):
    avro_doc: ClassVar[str] = "x"
    name: str


@dataclass(frozen=True)
class OfRunTime(Message):
    avro_doc: ClassVar[str] = "x"
    at: Annotated[datetime, "x"] = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class TwoTypes(Message):
    avro_doc: ClassVar[str] = "x"
    name: Annotated[str | int, "x"]


@dataclass(frozen=True)
class NullableWithoutDefault(Message):
    avro_doc: ClassVar[str] = "x"
    name: Annotated[str | None, "x"]


@dataclass(frozen=True)
class OfAnyType(Message):
    avro_doc: ClassVar[str] = "x"
    name: Annotated[complex, "x"]


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (WithoutDoc, "WithoutDoc.name has no doc"),
        (OfRunTime, "OfRunTime.at: a default made at run time"),
        (TwoTypes, "TwoTypes.name: .* neither one type nor"),
        (NullableWithoutDefault, "NullableWithoutDefault.name may be null: its default"),
        (OfAnyType, "name: no Avro type is known for complex"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_class_that_no_schema_can_be_made_of_is_refused_by_field(message, says):
    with pytest.raises(SchemaError, match=says):
        schema_of(message)


def test_a_command_ends_with_its_observation_so_that_it_can_grow():
    observation = schema_of(TelescopeCommand)["fields"][-1]["type"][1]

    assert observation["name"] == "ObservationBase"


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1970-01-01T00:00:00+00:00", 0),
        ("2023-11-14T22:13:20.123999+00:00", 1_700_000_000_123),
        ("2023-11-15T03:43:20.123+05:30", 1_700_000_000_123),
        ("1969-12-31T23:59:59.999+00:00", -1),
        ("1969-12-31T23:59:59.9995+00:00", -1),
    ],
)
def test_a_time_in_milliseconds_is_that_of_utc_cut_to_the_whole(text, expected_ms):
    assert milliseconds(datetime.fromisoformat(text)) == expected_ms
