"""A user's filter in the world of a fault; what it must catch is asked of Postgres in SQL.

So every fault that spares the public topics must spare the filters': no match lost, none doubled
beyond what a fault may repeat.
"""

from broker import kafka_admin, topic_settings
from broker.config import config
from broker.filter_book import TOPIC_PREFIX
from broker.kafka_admin import TopicSpec
from tests import filter_rows
from tests.e2e.system import System

EXPRESSION = "magpsf < 19 and candid > 0"
MATCHES = "SELECT survey, candid::text FROM alerts WHERE survey = 'ztf' AND outputs & 1 = 1"
MATCHES += " AND magpsf_abmag < 19"
"""The same in SQL; the magnitude is stored once more, as a number of the table."""


def make(system: System) -> str:
    """Make a live filter of a system's own and return its topic."""
    name = f"drill-{system.name}"[:40].rstrip("-").lower()
    spec = TopicSpec(
        TOPIC_PREFIX + name, 1, topic_settings.DAY_MS, topic_settings.topic_config(config())
    )
    kafka_admin.ensure_topics([spec])
    filter_rows.make_live(system.sql, "ztf", {name: EXPRESSION})
    return spec.name
