"""What Kafka Connect is told, compared with the records, the messages and the table."""

import json
import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from nightjar_telescope import TelescopeData
from nightjar_telescope.schema import schema_of

from broker.config import ROOT, Config
from broker.sections.telescope import BEAM
from pipeline.telescope import connector
from pipeline.telescope.data_tables import TelescopeDataRaw
from pipeline.telescope.record import RecordError, telescopes

SHIPPED = ROOT / "compose" / "connect" / "postgres-sink.json"
WORKER = (ROOT / "compose" / "connect" / "worker.properties").read_text()
TCA = BEAM.model_dump() | {"topic_prefix": ""}


def of(**records):
    return telescopes(Config.model_validate({"telescopes": records}))


def test_what_ships_is_made_of_the_fields_own_telescope():
    assert SHIPPED.read_text() == connector.text(of(beam=BEAM))


def test_every_telescope_is_read_and_one_topic_takes_what_cannot_be():
    config = connector.connector(of(beam=BEAM, tca=TCA))["config"]

    assert config["topics"] == "telescope.data,telescope.tca.data"
    assert config["tasks.max"] == "2"
    assert config["errors.deadletterqueue.topic.name"] == "telescope.data.dlq"


def test_columns_are_those_of_the_table_and_fields_those_of_the_schema():
    config = connector.connector(of(beam=BEAM))["config"]
    fields = config["transforms.rename.include"].split(",")
    renamed = dict(pair.split(":") for pair in config["transforms.rename.renames"].split(","))

    assert fields == [field["name"] for field in schema_of(TelescopeData)["fields"]]
    columns = {renamed.get(field, field) for field in fields}
    ours = {"processed", "processing_pipeline_version", "sink_timestamp", "created_at"}
    assert columns | ours == {column.name for column in TelescopeDataRaw.__table__.columns}


def test_what_depends_on_the_place_is_asked_of_an_environment_that_the_worker_lets_through():
    named = set(re.findall(r"\$\{env:(\w+)\}", SHIPPED.read_text() + WORKER))
    pattern = re.search(r"allowlist\.pattern=(.*)", WORKER)[1]

    assert named == {
        "CONNECT_KAFKA",
        "CONNECT_SECRET_KAFKA",
        "CONNECT_LISTEN",
        "CONNECT_POSTGRES",
        "CONNECT_POSTGRES_USER",
        "CONNECT_SECRET_POSTGRES",
        "CONNECT_REGISTRY",
    }
    assert {name for name in named if re.match(pattern, name)} == named
    assert not re.match(pattern, "NIGHTJAR_WEB__SECRET_KEY")


def test_without_a_telescope_there_is_no_connector():
    with pytest.raises(RecordError, match=r"set \[telescopes.NAME\]"):
        connector.connector([])
    with pytest.raises(CommandError, match=r"set \[telescopes.NAME\]"):
        call_command("connector_config")


def test_every_value_is_text_as_kafka_connect_takes_it():
    given = json.loads(SHIPPED.read_text())

    assert set(given) == {"name", "config"}
    assert {type(value) for value in given["config"].values()} == {str}
