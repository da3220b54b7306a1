import pytest

from broker.kafka import Producer, RangeReader, own_connection
from pipeline import simulate
from pipeline.simulate import feed

pytestmark = pytest.mark.integration


def test_packets_arrive_as_they_were_made(make_topic):
    topic = make_topic()
    packets = list(simulate.night(11, ztf=0, lsst=30, bad=0.1, lsst_topic=topic))
    seen = []

    feed.to_kafka(packets, Producer(own_connection("feed")), 0, seen.extend)

    reader = RangeReader(own_connection(), "nightjar-")
    read = reader.read(topic, 0, 0, len(packets) - 1)
    reader.close()
    assert [packet.value or b"" for packet in read.packets] == [p.value for p in packets]
    assert seen == packets


def test_a_topic_that_the_feed_may_not_write_is_an_error(kafka):
    packets = list(simulate.night(11, ztf=0, lsst=2, lsst_topic="babamul.none"))

    with pytest.raises(feed.FeedError, match="2 packets were not acknowledged"):
        feed.to_kafka(packets, Producer(own_connection("feed")), 0, lambda _: None)
