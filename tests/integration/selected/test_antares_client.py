"""A topic of loci on real Kafka: ours and ANTARES's own client read the same."""

import json
import subprocess
import uuid

import pytest
from confluent_kafka import Producer

from broker.config import config
from broker.kafka_admin import TopicSpec, ensure_topics
from pipeline.selected.collect import collect
from tests.client_environment import PROGRAMS, ClientEnvironment
from tests.database import run_sql
from tests.environment import of_a_stranger
from tests.integration.selected.test_antares import ALERTS, IMAGES, NEWEST, source
from tests.standins.antares import alert, antares, thumbnail
from tests.unit.pipeline.selected.test_antares_messages import LSST, locus, older, value
from tests.unit.pipeline.selected.test_cutouts import WHOLE

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

CLIENT = ClientEnvironment("antares-client-2.0.2", "antares_client.lock")
LIMIT_S = 300
DAY_MS = 86_400_000
KINDS = ("science", "template", "difference")
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


def test_a_run_makes_rows_and_files_of_loci_on_a_broker_of_others(tag, database, root, monkeypatch):
    here = config().kafka
    with antares(dict(ANSWERS)) as server:
        given = {
            "TOPIC": f"client.{tag}", "BOOTSTRAP_SERVERS": here.bootstrap_servers,
            "SECURITY_PROTOCOL": here.security_protocol, "USERNAME": here.admin_username,
            "PASSWORD": here.admin_password.get_secret_value(), "GROUP_PREFIX": f"{tag}-",
        }  # fmt: skip
        for name, text in given.items():
            monkeypatch.setenv(f"NIGHTJAR_COLLECT__ANTARES__{name}", text)
        monkeypatch.setenv("NIGHTJAR_ANTARES__URL", f"{server.url}/v2")
        config.cache_clear()

        found = collect("antares")

    assert (found.why, found.counts.read, found.counts.written) == (None, 2, 2)
    assert run_sql(
        database,
        "SELECT alert_id, science_state, csv_seq FROM selected_alerts ORDER BY alert_id",
    ) == [(12, "present", 1), (13, "wanted", None)]
    [table] = root.glob("lsst_alerts/antares/data/*.csv")
    assert len(table.read_text().splitlines()) == 2
    assert len(list(root.glob("lsst_alerts/antares/cutouts/12_*.fits"))) == len(KINDS)
