"""Every real sample packet through the whole system, against an independent reading of the rules."""

from collections import Counter
from collections.abc import Callable

import pytest
from astropy.coordinates import SkyCoord

from broker.config import config
from broker.kafka_types import Message
from pipeline import topics
from pipeline.alerts.delivery import delivery_id
from tests import oracle, samples
from tests.e2e import system as systems

FAR_FROM_EVERY_SAMPLE = [(10.0, -85.0, 0.9, 18.0)]
APPROXIMATE_FOOTPRINT_DEG = 18

pytestmark = [pytest.mark.samples, pytest.mark.slow]


def input_messages(make_input: Callable[..., str]) -> list[Message]:
    """Return every ZTF and Rubin packet of the sample folder, as on Kafka."""
    by_programid = {n: make_input("ztf", programid=n) for n in (1, 3)}
    lsst = make_input("lsst")
    ztf = samples.ztf_originals() + samples.ztf_rewritten()
    return [
        *(
            Message(
                by_programid[3 if one.record["candidate"]["programid"] == 3 else 1],
                None,
                one.value,
                [],
            )
            for one in ztf
        ),
        *(Message(lsst, None, one.value, []) for one in samples.rubin()),
    ]


def expected_topics() -> Counter[str]:
    """Read gates and flowcharts in plain Python; no LSPSC row lies near a Rubin sample."""
    found: Counter[str] = Counter()
    folder = samples.folder()
    for record in oracle.ztf_container(folder) + oracle.ztf_tar(folder):
        if oracle.ztf_gate(record) is None:
            alert_class = oracle.ztf_class(record["candidate"])
            found[f"babamul.ztf.no-lsst-match.{alert_class}"] += 1
    for record in oracle.rubin(folder):
        if oracle.lsst_gate(record) is None:
            source = record["diaSource"]
            place = SkyCoord(source["ra"], source["dec"], unit="deg")
            is_inside = bool(abs(place.galactic.b.deg) > APPROXIMATE_FOOTPRINT_DEG)
            alert_class = oracle.lsst_class([], is_inside=is_inside)
            found[f"babamul.lsst.no-ztf-match.{alert_class}"] += 1
    return found


def test_every_real_packet_is_accounted_for_and_published_where_the_rules_say(
    system: systems.System,
    make_input: Callable[..., str],
    load_lspsc: Callable[..., None],
    output_ends: dict[tuple[str, int], int],
):
    load_lspsc(FAR_FROM_EVERY_SAMPLE)
    messages = input_messages(make_input)
    system.start_listeners("ztf", "lsst")
    system.start_worker()
    assert system.send(messages) == 448 + 384 + 45

    books = system.wait_until_accounted(len(messages))
    published = system.published(output_ends)
    by_topic = Counter(message.topic for message in published)
    none_topic = by_topic.pop(topics.NONE_TOPIC)

    assert books["unaccounted"] == 0
    assert totals_of(books) == {"duplicates": 0, "dead_letters": 0}
    assert by_topic == expected_topics() == Counter(systems.totals(books, "published"))
    assert by_topic["babamul.ztf.no-lsst-match.stellar"] == 180 + 20  # babamul.md 12.H
    assert by_topic["babamul.ztf.no-lsst-match.hosted"] == 108 + 16
    assert by_topic["babamul.ztf.no-lsst-match.hostless"] == 12 + 2
    assert sum(by_topic.values()) == 300 + 38 + 35
    assert none_topic == systems.totals(books, "second_copies")[topics.NONE_TOPIC]
    assert len({message.headers["delivery_id"] for message in published}) == len(published)
    assert_selected(system)


def assert_selected(system: systems.System):
    """The solar system's alerts went to the filter's topic, each once, its packet as it came."""
    packets = {one.record["diaSourceId"]: one for one in samples.rubin() if one.record["ssSource"]}
    topic = config().selected.extendedness.topic

    found = {message.alert["diaSourceId"]: message for message in system.selected()}

    assert len(packets) == 10  # surveys.md, section 5
    assert found.keys() == packets.keys()
    assert len(system.selected()) == len(found)
    for candid, message in found.items():
        assert packets[candid].value[5:] in message.value
        assert message.alert == packets[candid].record
        assert message.key == str(packets[candid].record["diaSource"]["ssObjectId"])
        assert message.headers["delivery_id"] == delivery_id("lsst", candid, topic)
    assert systems.totals(system.ledger(), "second_copies")[topic] == len(found)


def totals_of(books: dict) -> dict[str, int]:
    return {
        "duplicates": sum(night["duplicates"] for night in books["nights"]),
        "dead_letters": sum(systems.totals(books, "dead_letters").values()),
    }
