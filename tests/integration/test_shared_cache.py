"""The cache that all web processes share, on a real Redis."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.core.cache import cache

from broker.config import config

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _empty(parts):
    cache.clear()


def test_what_one_process_remembers_the_others_know():
    cache.set("check:group", (7, None, 1.5), 60)

    with ThreadPoolExecutor(1) as another:  # a thread has a connection of its own
        assert another.submit(cache.get, "check:group").result() == [7, None, 1.5]


def test_a_look_is_made_once():
    looks = []

    for _ in range(2):
        found = cache.get_or_set("stats", lambda: looks.append(1) or [{"n": 1}], 60)
        assert found == [{"n": 1}]

    assert len(looks) == 1


def test_to_forget_everything_leaves_the_bells_alone():
    client = redis.Redis.from_url(config().redis.url.get_secret_value())
    client.set("a-bell-of-a-test", 1, ex=60)
    cache.set("known", 1, 60)

    cache.clear()

    assert cache.get("known") is None
    assert client.get("a-bell-of-a-test") == b"1"


def test_without_redis_everybody_looks_anew(monkeypatch):
    def fail(*_args, **_options):
        raise redis.ConnectionError("away")

    monkeypatch.setattr(redis.Redis, "execute_command", fail)

    cache.set("known", 1, 60)

    assert cache.get("known", 5) == 5
    assert not cache.add("known", 1)
    assert cache.get_or_set("known", lambda: [2], 60) == [2]
