"""Reading back what may have been written: in a group that this login has a right on."""

from broker import kafka_once


def test_the_group_is_the_callers(monkeypatch):
    made = []

    class Reader:
        def __init__(self, connection, group_prefix):
            made.append((connection, group_prefix))

        def close(self):
            made.append("closed")

    monkeypatch.setattr(kafka_once, "RangeReader", Reader)

    assert list(kafka_once.read_between({"a": 1}, "t", 0, 5, 5, "site-bus-")) == []

    assert made == [({"a": 1}, "site-bus-"), "closed"]
