"""The list of dead letters as a browser sees it, and letters to fill it."""

import re

from sqlalchemy import text

from broker.dead_letters import DeadLetter
from tests.samples import container

LIST = "/admin/pipeline/deadletter/"
EVIL = "<script>alert(1)</script>"
SCHEMA = {
    "type": "record",
    "name": "alert",
    "fields": [
        {"name": "objectId", "type": "string"},
        {"name": "candid", "type": "long"},
        {"name": "tail", "type": "string"},
    ],
}
PACKET = container(SCHEMA, {"objectId": EVIL, "candid": 77, "tail": "x" * 40})


def listed(browser, **query):
    answer = browser.get(LIST, query)
    assert answer.status_code == 200, answer.headers
    return [int(key) for key in re.findall(r'name="_selected_action" value="(\d+)"', answer.text)]


def act(browser, action, keys, query="", **given):
    words = {"action": action, "_selected_action": [str(key) for key in keys], **given}
    return browser.post(f"{LIST}{query}", words, follow=True)


def state_of(session, letter):
    session.expire_all()
    return session.get(DeadLetter, letter.id).state


def many(session, source, count):
    session.execute(
        text("""
            INSERT INTO dead_letters (stream, topic, source_id, source_partition, source_offset,
                last_offset, reason, message, state, night, candid, first_seen_at)
            SELECT CASE n % 10 WHEN 0 THEN 'lsst' ELSE 'ztf' END, :topic, :source, n % 4, n, n,
                CASE WHEN n % 100 = 0 THEN 'truncated' ELSE 'bad_value' END, 'jd is NaN',
                CASE WHEN n % 50 = 0 THEN 'open' ELSE 'resolved' END,
                date '2024-11-20' - CAST(n / 1000 AS int), n + 5000000,
                timestamptz '2024-11-20' - n * interval '1 minute'
            FROM generate_series(1, :count) AS n
        """),
        {"topic": source.topic, "source": source.id, "count": count},
    )
    session.execute(text("ANALYZE dead_letters"))
