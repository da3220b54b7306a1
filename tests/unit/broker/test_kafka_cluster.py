"""A broker that says nothing is trouble that passes."""

from concurrent.futures import Future

import pytest

from broker import kafka_cluster
from broker.errors import TransientError
from broker.kafka_cluster import Cluster


class Silent:
    """An admin client whose broker never answers."""

    def describe_topics(self, *_, **__):
        return {"babamul.none": Future()}


def test_topics_that_nobody_describes_are_trouble_that_passes(monkeypatch):
    monkeypatch.setattr(kafka_cluster, "REQUEST_S", 0.01)
    monkeypatch.setattr(kafka_cluster, "AdminClient", lambda _: Silent())

    with pytest.raises(TransientError, match="no answer about"):
        Cluster({}).partitions(["babamul.none"])
