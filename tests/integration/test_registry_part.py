"""The real schema registry: ids for foreign schemas, which the published client resolves."""

import base64
import subprocess

import pytest

from broker.avro_schema import writer_schema
from broker.config import ROOT, config
from broker.errors import TransientError
from pipeline.alerts.schema_ids import SchemaIds
from pipeline.alerts.selected_messages import as_confluent
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.surveys import lsst
from tests.client_environment import ClientEnvironment
from tests.environment import of_a_stranger
from tests.unit.pipeline.surveys.lsst_packets import alert, packet

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

CLIENT = ClientEnvironment("confluent-kafka-2.16.0", "confluent.lock")
SUBJECT = "lsst-extendedness-filtered-value"
PROGRAM = ROOT / "compose" / "native" / "deserialize.py"
READ_LIMIT_S = 60
PATIENCE_S = 30.0


def patient() -> SchemaRegistry:
    """Return the registry with time for a machine that tests keep busy."""
    return SchemaRegistry(config().registry.url, PATIENCE_S)


def test_a_part_that_is_named_runs_and_one_that_is_not_does_not(real_registry):
    assert real_registry.native.states()["registry"]["says"] == "answers"


def test_versions_that_cannot_read_each_other_get_ids_of_their_own(real_registry):
    ids = SchemaIds(patient())
    schemas = [writer_schema(lsst.package_schema(schema_id)) for schema_id in (1000, 1101, 1000)]

    old, new, again = (ids.get(SUBJECT, schema) for schema in schemas)

    assert old == again != new
    assert SchemaIds(patient()).get(SUBJECT, schemas[1]) == new
    found = writer_schema(patient().schema(new))
    assert found.fingerprint == schemas[1].fingerprint


def test_the_published_deserializer_reads_what_we_write(real_registry):
    values = [packet(alert({"extendedness": 0.5, "ssObjectId": n}), 1101) for n in (7, 9)]
    ids = SchemaIds(patient())
    sent = [base64.b64encode(as_confluent("lsst", value, SUBJECT, ids)) for value in values]

    done = subprocess.run(
        [str(CLIENT.installed()), "-P", str(PROGRAM), config().registry.url],
        env=of_a_stranger(),
        input="\n".join(line.decode() for line in sent),
        capture_output=True,
        text=True,
        timeout=READ_LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(2**60 + 1)] * 2


def test_without_the_registry_a_new_schema_has_no_id(real_registry):
    away = SchemaRegistry("http://127.0.0.1:9/apis/ccompat/v7")

    with pytest.raises(TransientError, match="refused"):
        as_confluent("lsst", packet(alert()), SUBJECT, SchemaIds(away))
