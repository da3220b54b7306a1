"""How much anybody may ask for: token buckets and places, shared by all web processes in Redis.

DRF's throttles read and write a cache in two steps, so a burst passes them; a script in Redis does
not race. A Redis that is gone must not take the site down with it: reads go on without limit, what
could be abused (sign-up) is refused until it is back.
"""

import hashlib
import ipaddress
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import redis
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.config import config
from broker.logs import log
from broker.refusals import too_many

REDIS_TIMEOUT_S = 0.3
REST_S = 2.0
"""After a failure Redis is left alone so long: a request must not wait for it again and again."""
PLACE_LEASE_S = 300
"""A place whose holder died is free after this time; above the longest search and its answer."""
POLL_S = 0.05
WAITING = 8
"""Requests of one key that may wait for a place; each keeps a thread of the web from others."""
THREADS = 12
"""Requests of everybody that may hold a place in one process, or wait for one.

One client sends as many at once. The other threads of ``gunicorn.conf`` are left to pages and to
``/health``.
"""
IPV6_NETWORK = 64
"""Bits; whoever has one IPv6 address has all that share them."""

_TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(kept[1]) or burst
local passed = math.max(0, now - (tonumber(kept[2]) or now))
tokens = math.min(burst, tokens + passed * rate)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) / rate end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.9f', tokens), 'at',
    string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return string.format('%.6f', wait)
"""
_ENTER = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now))
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count > tonumber(ARGV[1]) then return redis.call('PTTL', KEYS[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
"""
_threads = threading.BoundedSemaphore(THREADS)
_rests_until_s = 0.0


def take(
    bucket: str, key: str, *, rate_per_s: float, burst: int, fail_open: bool = True
) -> float | None:
    """Take one token out of a bucket.

    Parameters
    ----------
    bucket : str
        What is limited.
    key : str
        Who is; kept as a hash only.
    rate_per_s : float
        Tokens that come back [1/s].
    burst : int
        Tokens of a full bucket.
    fail_open : bool
        Whether anybody may go on while Redis is gone.

    Returns
    -------
    float or None
        None: taken. Else the time until there is one [s].
    """
    try:
        wait_s = float(_run(_TAKE, bucket, key, rate_per_s, burst))
    except redis.RedisError as error:
        log.warning("limits.no_redis", bucket=bucket, error=repr(error))
        return None if fail_open else REST_S
    return wait_s or None


def pause_after(bucket: str, key: str, *, count: int, pause_s: float) -> float | None:
    """Count a try; the last of ``count`` begins a pause, which further tries do not prolong.

    Parameters
    ----------
    bucket, key : str
        As in :func:`take`.
    count : int
        Tries before the pause.
    pause_s : float
        Its length; so long after the last try all are forgotten [s].

    Returns
    -------
    float or None
        None: go on, as everybody may while Redis is gone. Else the rest of the pause [s].
    """
    try:
        left_ms = int(_run(_COUNT, bucket, key, count, int(pause_s * 1000)))
    except redis.RedisError as error:
        log.warning("limits.no_redis", bucket=bucket, error=repr(error))
        return None
    return left_ms / 1000 or None


def forget(bucket: str, key: str) -> None:
    """Forget what was counted, as somebody has shown that the limit was not meant for them."""
    try:
        _client().delete(_name(bucket, key))
    except redis.RedisError as error:
        log.warning("limits.no_redis", bucket=bucket, error=repr(error))


@contextmanager
def concurrent(bucket: str, key: str, *, limit: int, wait_s: float) -> Iterator[None]:
    """Hold one of ``limit`` places; wait for it, but not for ever.

    Parameters
    ----------
    bucket, key : str
        As in :func:`take`.
    limit : int
        Places.
    wait_s : float
        Longest wait for a place [s].

    Raises
    ------
    ApiError
        429 if no place got free in time, if too many wait already, or if the threads that this
        process has for searches are all in use, whoever's they are.
    """
    if not _threads.acquire(blocking=False):
        raise too_many(1, "too many searches of everybody are running")
    try:
        place = secrets.token_hex(8)
        if not _enter(bucket, key, place, limit):
            _wait_for(bucket, key, place, limit, wait_s)
        try:
            yield
        finally:
            _leave(bucket, key, place)
    finally:
        _threads.release()


def heavy_search(request: HttpRequest) -> AbstractContextManager[None]:
    """Hold one of the places that an address has for heavy searches; see ``concurrent``."""
    settings = config().limits
    return concurrent(
        "searches",
        network(client_ip(request)),
        limit=settings.searches,
        wait_s=settings.search_wait_s,
    )


def client_ip(request: HttpRequest) -> str:
    """Return the address of whoever asks, as our own proxies saw it.

    A proxy appends to ``X-Forwarded-For`` whom it heard from; what stands further left was written
    by the client itself and is worth nothing.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    proxies = config().web.trusted_proxies
    heard = [name.strip() for name in request.headers.get("X-Forwarded-For", "").split(",")]
    address = heard[-proxies] if 0 < proxies <= len(heard) else peer
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return peer


def network(address: str) -> str:
    """Return what stands for an address in a bucket: itself, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK), strict=False))


def _wait_for(bucket: str, key: str, place: str, limit: int, wait_s: float) -> None:
    queue = f"{bucket}.waiting"
    if not _enter(queue, key, place, WAITING):
        raise too_many(1, f"{limit} searches at once are running and {WAITING} wait already")
    give_up_at = time.monotonic() + wait_s
    never = threading.Event()
    try:
        while time.monotonic() < give_up_at:
            never.wait(POLL_S)
            if _enter(bucket, key, place, limit):
                return
    finally:
        _leave(queue, key, place)
    raise too_many(1, f"{limit} searches at once are running already")


def _enter(bucket: str, key: str, place: str, limit: int) -> bool:
    """Take a place if one is free; without Redis there always is."""
    try:
        return bool(_run(_ENTER, bucket, key, place, limit, PLACE_LEASE_S))
    except redis.RedisError as error:
        log.warning("limits.no_redis", bucket=bucket, error=repr(error))
        return True


def _leave(bucket: str, key: str, place: str) -> None:
    try:
        _client().zrem(_name(bucket, key), place)
    except redis.RedisError as error:
        log.warning("limits.no_redis", bucket=bucket, error=repr(error))


def _run(script: str, bucket: str, key: str, *arguments: float | str) -> Any:
    """Run a script on one bucket; at once a RedisError while Redis rests."""
    global _rests_until_s  # noqa: PLW0603 one per process, as the connections are
    if time.monotonic() < _rests_until_s:
        raise redis.ConnectionError("failed a moment ago")
    try:
        return _client().register_script(script)([_name(bucket, key)], arguments)
    except redis.RedisError:
        _rests_until_s = time.monotonic() + REST_S
        raise


def _name(bucket: str, key: str) -> str:
    return f"nightjar:limit:{bucket}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _client() -> "redis.Redis":
    return _client_of(config().redis.url.get_secret_value())


@cache
def _client_of(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
