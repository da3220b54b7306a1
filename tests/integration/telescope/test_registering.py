"""The listener registers the telescopes' schemas, when it starts or when the registry is back."""

import pytest
from nightjar_telescope.messages import KINDS, TelescopeData
from structlog.testing import capture_logs

from broker.config import config
from pipeline.clients.schema_registry import SchemaRegistry
from pipeline.telescope.listener import make_telescope_listener
from pipeline.telescope.registering import Registrar
from pipeline.telescope.registration import SchemaIdError, subjects
from tests.database import run_command
from tests.integration.telescope.conftest import word
from tests.integration.telescope.test_registration import Memory

pytestmark = pytest.mark.integration

PATIENCE_S = 30.0
WANTED = [("telescope.data-value", TelescopeData)]


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


def test_an_absent_registry_is_asked_once_a_minute_and_said_and_then_no_more(session):
    memory, clock = Memory(is_away=True), Clock()
    registrar = Registrar(memory, WANTED, clock)

    with capture_logs() as logs:
        for clock.now_s in (0.0, 10.0, 59.0, 60.0, 70.0):
            registrar.register_when_due()
        memory.is_away = False
        for clock.now_s in (119.0, 120.0, 130.0):
            registrar.register_when_due()
        memory.is_away = True
        registrar.register_when_due()

    events = [each["event"] for each in logs]
    assert events == [
        "telescope.registry_away",
        "telescope.registry_away",
        "telescope.schemas_registered",
    ]
    assert list(memory.under) == ["telescope.data-value"]


def test_an_id_that_means_something_else_is_no_absence(session):
    first = Memory()
    Registrar(first, WANTED).register_when_due()

    with pytest.raises(SchemaIdError, match="lost its memory"):
        Registrar(
            Memory(next_id=1), [("telescope.status-value", KINDS[3].message)]
        ).register_when_due()


@pytest.mark.slow
@pytest.mark.xdist_group("registry")
@pytest.mark.usefixtures("real_registry")
class TestListener:
    """On the real Kafka and the real registry."""

    @pytest.mark.usefixtures("database")
    def test_it_registers_every_subject_when_it_starts(self, two):
        make_telescope_listener("telescope", f"telescope-{two[0].name}").close()

        registry = SchemaRegistry(config().registry.url, PATIENCE_S)
        found = [registry.latest(subject) for subject, _ in subjects(two)]
        assert [each.number for each in found] == [1] * 8

    @pytest.mark.usefixtures("database")
    def test_it_starts_without_a_registry_and_says_so(self, two, set_up):
        set_up(registry__url="http://127.0.0.1:9/apis/ccompat/v7")

        with capture_logs() as logs:
            make_telescope_listener("telescope", f"telescope-{two[0].name}").close()

        assert "telescope.registry_away" in [each["event"] for each in logs]

    @pytest.mark.usefixtures("two")
    def test_an_id_that_means_something_else_ends_it_by_name(self, database):
        registry = SchemaRegistry(config().registry.url, PATIENCE_S)
        foreign = registry.register(f"{word()}-value", b'"string"')
        Registrar(Memory(next_id=foreign), WANTED).register_when_due()

        done = run_command(database, "manage.py", "listen", "telescope")

        assert done.returncode == 1
        assert f"id {foreign} meant the schema of telescope.data-value since" in done.stderr
