"""What doctor says of Kafka Connect, over real HTTP with faults; the real one: pytest -m connect."""

import pytest

from broker.config import build
from compose.native import outside
from pipeline.telescope.connector import NAME
from tests.integration.telescope.conftest import records
from tests.standins.schema_registry import Answers, busy, cut, garbage, moved, oversized, serving

TRACE = (
    "org.apache.kafka.ConnectException: Exiting\n\tat x\nCaused by: integer out of range\n\tat y"
)
WELL = {"connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}]}
READS = {"topics": "telescope.tca.data"}


class Worker(Answers):
    """Answers what ``server.known`` has below the connector; ``fault`` names a fault."""

    def answer(self) -> None:
        if fault := self.server.known.get("fault"):
            fault(self)
            return
        found = self.server.known.get(self.path.removeprefix(f"/connectors/{NAME}"))
        self.reply(404, {"error_code": 404}) if found is None else self.reply(200, found)


@pytest.fixture
def worker():
    with serving(Worker, {"/status": WELL, "/config": READS}) as server:
        yield server


def said(worker):
    given = {"NIGHTJAR_TELESCOPE__CONNECT_URL": worker.url, "NIGHTJAR_TELESCOPES": records("tca")}
    return outside.kafka_connect(build(given))


def test_without_an_address_our_own_sink_is_named():
    need = outside.kafka_connect(build({}))

    assert need.is_met
    assert "telescope.connect_url is not set: our own sink stores" in need.text


def test_a_connector_that_runs_is_well(worker):
    need = said(worker)

    assert need.is_met
    assert need.text == f"{NAME} at {worker.url}: the connector RUNNING, task 0 RUNNING"


def test_a_task_that_failed_is_named_with_its_last_cause_and_what_to_do(worker):
    failed = {"id": 0, "state": "FAILED", "trace": TRACE}
    worker.known["/status"] = WELL | {"tasks": [failed]}

    need = said(worker)

    assert not need.is_met
    assert need.text.startswith("task 0 failed: integer out of range; when mended: POST ")
    assert need.text.endswith(f"{NAME}/restart?includeTasks=true&onlyFailed=true")


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"/status": WELL | {"tasks": []}, "/config": READS}, "has no task"),
        ({}, f"has no {NAME}: compose/connect/deploy-connector.sh"),
        ({"/status": WELL, "/config": {"topics": "a,b"}}, "does not read telescope.tca.data: man"),
        ({"/status": [], "/config": READS}, "answers something else"),
        ({"/status": WELL, "/config": {"topics": 3}}, "answers something else"),
    ],
    ids=["no-task", "absent", "topics", "list", "number"],
)
def test_what_is_missing_is_said_with_what_to_do(worker, known, says):
    worker.known.clear()
    worker.known |= known

    need = said(worker)

    assert not need.is_met
    assert says in need.text


@pytest.mark.parametrize("fault", [busy, garbage, cut, moved, oversized])
def test_trouble_is_said_and_never_raised(worker, fault):
    worker.known["fault"] = fault

    need = said(worker)

    assert not need.is_met
    assert worker.url in need.text
    assert "compose/native up connect" in need.text
