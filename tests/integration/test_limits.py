"""Token buckets and places in a real Redis."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from rest_framework.exceptions import APIException

from broker import limits
from broker.config import config
from broker.middleware import Requests

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _ours(parts, monkeypatch):
    config.cache_clear()
    monkeypatch.setattr(limits, "_rests_until_s", 0.0)


@pytest.fixture
def key():
    return uuid.uuid4().hex


@pytest.fixture
def no_redis(monkeypatch):
    monkeypatch.setenv("NIGHTJAR_REDIS__URL", "redis://127.0.0.1:1/0")
    config.cache_clear()
    yield
    config.cache_clear()


def take(key, rate_per_s=0.001, burst=3, **given):
    return limits.take("test", key, rate_per_s=rate_per_s, burst=burst, **given)


def test_a_bucket_gives_its_burst_and_then_says_how_long_to_wait(key):
    assert [take(key) for _ in range(3)] == [None, None, None]
    assert take(key) == pytest.approx(1000, abs=5)


def test_refused_requests_do_not_make_the_wait_longer(key):
    waits = [take(key) for _ in range(20)][3:]

    assert max(waits) <= 1000


def test_tokens_come_back(key):
    assert take(key, rate_per_s=50, burst=1) is None

    threading.Event().wait(0.03)

    assert take(key, rate_per_s=50, burst=1) is None


def test_buckets_and_keys_do_not_share(key):
    assert [take(key, burst=1), take(key + "x", burst=1)] == [None, None]
    assert limits.take("other", key, rate_per_s=0.001, burst=1) is None


def test_fifty_at_once_get_what_there_is_and_no_more(key):
    with ThreadPoolExecutor(25) as threads:
        waits = list(threads.map(lambda _: take(key, burst=5), range(50)))

    assert waits.count(None) == 5


def test_what_is_kept_names_nobody(key):
    take("somebody@example.org")

    names = limits._client().scan_iter("nightjar:limit:*")
    assert not any("somebody" in name for name in names)


def test_a_bucket_that_is_full_again_is_forgotten(key):
    take(key, rate_per_s=1000, burst=1)

    assert 0 < limits._client().pttl(limits._name("test", key)) <= 1001


def test_without_redis_reads_go_on_and_sign_up_does_not(no_redis, key):
    assert take(key) is None
    assert take(key, fail_open=False) == limits.REST_S


def test_a_redis_that_failed_is_left_alone_for_a_moment(no_redis, key, monkeypatch):
    asked = []
    real = limits._client
    monkeypatch.setattr(limits, "_client", lambda: asked.append(1) or real())

    for _ in range(5):
        take(key)

    assert len(asked) == 1


def count(key, pause_s=1000.0):
    return limits.pause_after("test", key, count=2, pause_s=pause_s)


def test_the_try_after_the_last_waits_out_the_whole_pause(key):
    assert [count(key), count(key)] == [None, None]

    assert count(key) == pytest.approx(1000, abs=50)


def test_tries_in_a_pause_do_not_prolong_it(key):
    assert [count(key), count(key)] == [None, None]
    limits._client().pexpire(limits._name("test", key), 100_000)

    assert [count(key) <= 100 for _ in range(5)] == [True] * 5


def test_after_the_pause_there_are_as_many_tries_again(key):
    assert [count(key, pause_s=0.05) for _ in range(2)] == [None, None]
    while limits._client().exists(limits._name("test", key)):
        pass

    assert [count(key), count(key)] == [None, None]


def test_fifty_tries_at_once_are_all_counted(key):
    with ThreadPoolExecutor(25) as threads:
        waits = list(threads.map(lambda _: count(key), range(50)))

    assert waits.count(None) == 2


def test_without_redis_no_try_is_refused(no_redis, key):
    assert [count(key) for _ in range(5)] == [None] * 5


def test_places_are_given_and_given_back(key):
    def place():
        return limits.concurrent("test", key, limit=2, wait_s=0)

    with place():
        with place(), pytest.raises(APIException) as refused:
            place().__enter__()
        with place():
            pass

    assert refused.value.status_code == 429
    assert refused.value.headers == {"Retry-After": "1"}


def test_who_waits_gets_the_place_that_becomes_free(key):
    first = limits.concurrent("test", key, limit=1, wait_s=0)
    first.__enter__()
    with ThreadPoolExecutor(1) as threads:
        second = limits.concurrent("test", key, limit=1, wait_s=20)
        waiting = threads.submit(second.__enter__)
        first.__exit__(None, None, None)

        waiting.result()

    second.__exit__(None, None, None)


def test_who_would_be_one_too_many_in_the_queue_is_refused_at_once(key, monkeypatch):
    monkeypatch.setattr(limits, "WAITING", 1)
    queue = limits._name("test.waiting", key)

    def place(wait_s):
        return limits.concurrent("test", key, limit=1, wait_s=wait_s)

    with ThreadPoolExecutor(1) as threads:
        with place(0):
            second = place(60)
            waiting = threads.submit(second.__enter__)
            while not limits._client().zcard(queue):
                assert not waiting.done()
            with pytest.raises(APIException, match="1 wait already") as refused:
                place(3600).__enter__()
        waiting.result()
    second.__exit__(None, None, None)

    assert refused.value.status_code == 429
    assert limits._client().zcard(queue) == 0


def test_a_place_is_given_back_after_a_failure(key):
    with pytest.raises(ZeroDivisionError), limits.concurrent("test", key, limit=1, wait_s=0):
        raise ZeroDivisionError

    with limits.concurrent("test", key, limit=1, wait_s=0):
        pass


@pytest.fixture
def two_threads(monkeypatch):
    """Let a process have two threads for whatever holds a place."""
    monkeypatch.setattr(limits, "_threads", threading.BoundedSemaphore(2))


def test_many_keys_together_hold_no_more_threads_than_there_are_for_them(key, two_threads):
    def place(who):
        return limits.concurrent("test", key + who, limit=4, wait_s=3600)

    with place("a"):
        with place("b"), pytest.raises(APIException, match="of everybody") as refused:
            place("c").__enter__()
        with place("c"):
            pass

    assert (refused.value.status_code, refused.value.headers) == (429, {"Retry-After": "1"})


def test_who_waits_holds_a_thread_too_and_gives_it_back(key, two_threads):
    def place(wait_s):
        return limits.concurrent("test", key, limit=1, wait_s=wait_s)

    with ThreadPoolExecutor(1) as threads:
        with place(0):
            second = place(60)
            waiting = threads.submit(second.__enter__)
            while limits._threads._value:
                assert not waiting.done()
            with pytest.raises(APIException, match="of everybody"):
                place(3600).__enter__()
        waiting.result()
    second.__exit__(None, None, None)

    assert limits._threads._value == 2


def test_without_redis_threads_are_left_as_well(no_redis, key, two_threads):
    first, second, third = (limits.concurrent("test", key, limit=9, wait_s=0) for _ in range(3))

    with first, second, pytest.raises(APIException):
        third.__enter__()


def test_without_redis_nobody_waits_for_a_place(no_redis, key):
    first, second = (limits.concurrent("test", key, limit=1, wait_s=0) for _ in range(2))

    with first, second:
        pass


def test_a_forged_header_stays_limited(monkeypatch, key):
    monkeypatch.setenv("NIGHTJAR_LIMITS__ADDRESS_BURST", "3")
    monkeypatch.setenv("NIGHTJAR_LIMITS__ADDRESS_PER_S", "0.001")
    config.cache_clear()
    monkeypatch.setattr(limits, "_name", lambda bucket, who: f"nightjar:limit:{bucket}:{key}:{who}")
    layer = Requests(lambda _: HttpResponse())

    statuses = [
        layer(RequestFactory().get("/", headers={"x-forwarded-for": f"10.0.0.{n}"})).status_code
        for n in range(5)
    ]

    assert statuses == [200, 200, 200, 429, 429]
    config.cache_clear()
