"""A topic of loci on real Kafka: ours and ANTARES's own client read the same."""

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from django.core.management import CommandError, call_command

from broker.config import ROOT, ConfigError, config
from broker.kafka_admin import TopicSpec, ensure_topics
from pipeline.management.commands import collect as collect_command
from pipeline.selected.collect import collect
from tests.client_environment import PROGRAMS, ClientEnvironment
from tests.database import environment, run_sql
from tests.environment import of_a_stranger
from tests.integration.selected.test_antares import ALERTS, IMAGES, NEWEST, source
from tests.integration.selected.world import table_of_rows, tree
from tests.standins.antares import alert, antares, thumbnail
from tests.unit.pipeline.selected.test_antares_messages import LSST, locus, older, value
from tests.unit.pipeline.selected.test_cutouts import WHOLE

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

CLIENT = ClientEnvironment("antares-client-2.0.2", "antares_client.lock")
LIMIT_S = 300
DAY_MS = 86_400_000
KINDS = ("science", "template", "difference")
ROWS = "SELECT alert_id, processed_at, file_id FROM selected_alerts ORDER BY alert_id"
OTHER = alert("lsst:13", 61221.2, **source(13))
ANSWERS = {
    ALERTS: [NEWEST],
    IMAGES: [thumbnail(kind, f"/{kind}.fits") for kind in KINDS],
    "/v2/loci/ANT2026old/alerts": [OTHER],
    "/v2/alerts/lsst%3A13/thumbnails": [],
    **{f"/{kind}.fits": WHOLE for kind in KINDS},
}
LOCI = (value(locus()), value(older(locus(id="ANT2026old"))))


@pytest.fixture
def tag(kafka) -> str:
    """Return a tag whose topic has a locus in each layout."""
    name = f"tag-{uuid.uuid4().hex[:12]}"
    ensure_topics([TopicSpec(f"client.{name}", 1, DAY_MS)])
    here = config().kafka
    producer = Producer(
        {
            "bootstrap.servers": here.bootstrap_servers,
            "security.protocol": here.security_protocol,
            "sasl.mechanism": here.sasl_mechanism,
            "sasl.username": here.admin_username,
            "sasl.password": here.admin_password.get_secret_value(),
        }
    )
    for each in LOCI:
        producer.produce(f"client.{name}", each)
    assert producer.flush(20) == 0
    return name


def test_antares_own_client_reads_what_we_take_for_its_loci(tag):
    here = config().kafka
    place = [here.bootstrap_servers, here.security_protocol]
    login = [here.admin_username, here.admin_password.get_secret_value()]
    with antares(dict(ANSWERS)) as server:
        words = [*place, *login, f"group-{tag}", tag, str(len(LOCI))]
        done = subprocess.run(
            [str(CLIENT.installed()), str(PROGRAMS / "read_loci.py"), *words],
            env=of_a_stranger(ANTARES_API_BASE_URL=f"{server.url}/v2/"),
            capture_output=True, text=True, timeout=LIMIT_S, check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        ["ANT2026abc", 53.1, LSST, ["lsst:12"]],
        ["ANT2026old", 53.1, LSST, ["lsst:13"]],
    ]


@pytest.fixture
def source_of(tag, set_up) -> Callable[..., dict[str, str]]:
    """Return a function that sets the source up at our own broker, as at one of others."""
    here = config().kafka
    place = {
        "topic": f"client.{tag}", "bootstrap_servers": here.bootstrap_servers,
        "security_protocol": here.security_protocol, "username": here.admin_username,
        "password": here.admin_password.get_secret_value(), "group_prefix": f"{tag}-",
    }  # fmt: skip

    def give(**given: str) -> dict[str, str]:
        names = {f"collect__antares__{name}": text for name, text in (place | given).items()}
        set_up(**names)
        return {f"NIGHTJAR_{name.upper()}": text for name, text in names.items()}

    return give


def test_a_run_makes_rows_and_files_of_loci_on_a_broker_of_others(
    source_of, database, root, set_up
):
    with antares(dict(ANSWERS)) as server:
        source_of()
        set_up(antares__url=f"{server.url}/v2")

        found = collect("antares")

    assert (found.why, found.counts.read, found.counts.written) == (None, 2, 2)
    assert run_sql(
        database,
        "SELECT alert_id, science_state, csv_seq FROM selected_alerts ORDER BY alert_id",
    ) == [(12, "present", 1), (13, "wanted", None)]
    [table] = root.glob("lsst_alerts/antares/data/*.csv")
    assert len(table.read_text().splitlines()) == 2
    assert len(list(root.glob("lsst_alerts/antares/cutouts/12_*.fits"))) == len(KINDS)


def test_a_run_killed_behind_its_rows_is_followed_by_one_that_leaves_the_same(
    source_of, database, root, set_up
):
    with antares(dict(ANSWERS)) as server:
        given = source_of() | {
            "NIGHTJAR_ANTARES__URL": f"{server.url}/v2",
            "NIGHTJAR_ANTARES__IMAGES_WAIT_S": "0",
        }
        set_up(antares__url=f"{server.url}/v2", antares__images_wait_s=0)
        mortal = environment(database) | given | {"NIGHTJAR_TESTING__FAILPOINT": "selected_stored"}
        died = subprocess.run(
            [sys.executable, "manage.py", "collect", "antares"],
            cwd=ROOT, env=mortal, check=False, timeout=LIMIT_S,
        )  # fmt: skip
        assert died.returncode == -signal.SIGKILL
        stored = run_sql(database, ROWS)
        assert (len(stored), tree(root)) == (len(LOCI), {})

        found = collect("antares")

    assert (found.counts.read, found.counts.written, found.counts.duplicate) == (2, 0, 2)
    assert run_sql(database, ROWS) == stored
    files = tree(root)
    assert [path for path in files if path.endswith(".fits")] == sorted(
        f"lsst_alerts/antares/cutouts/12_{kind}_{stored[0][1]:%Y%m%d_%H%M%S}.fits" for kind in KINDS
    )
    [table] = [text for path, text in files.items() if path.endswith(".csv")]
    assert len(table.splitlines()) == 1 + len(LOCI)
    assert table_of_rows(root)


@pytest.fixture
def command(monkeypatch):
    """Return what runs the command in this process, beside its database and log."""
    monkeypatch.setattr(collect_command, "require_migrated", lambda: None)
    monkeypatch.setattr(collect_command.logs, "configure", lambda: None)
    return lambda: call_command("collect", "antares")


def test_a_wrong_password_ends_a_run_with_the_brokers_word(source_of, database, root, command):
    source_of(password="wrong")

    with pytest.raises(CommandError, match=r"antares: Kafka: .*[Aa]uthentication"):
        command()

    assert run_sql(database, "SELECT state FROM selected_runs") == [("failed",)]


def test_certificates_that_are_none_end_a_run_by_name(source_of, database, root, tmp_path, command):
    none = tmp_path / "none.pem"
    none.write_text("no certificate")
    source_of(security_protocol="SASL_SSL", ca_file=str(none))

    with pytest.raises(CommandError, match=r"none\.pem"):
        command()


@pytest.mark.parametrize("name", ["security_protocol", "sasl_mechanism"])
def test_a_setting_that_no_broker_knows_is_named(set_up, name):
    set_up(**{f"collect__antares__{name}": "SASL_TLS"})

    with pytest.raises(ConfigError, match=name):
        config()
