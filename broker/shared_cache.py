"""Django's cache in Redis: what one web process remembers, the others know.

A Redis that is away costs the memory alone: whoever asks gets nothing and looks anew. Values are
JSON, never pickled: what lies in Redis must not become code.
"""

import json
from typing import Any

import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.functional import cached_property

from broker.config import config
from broker.logs import log

SCANNED = 1000
"""Keys per step of ``clear``."""


class JsonSerializer:
    """Values as JSON; tuples come back as lists."""

    def dumps(self, value: Any) -> bytes:
        """Return the bytes that Redis keeps."""
        return json.dumps(value).encode()

    def loads(self, kept: bytes) -> Any:
        """Return the value of such bytes."""
        return json.loads(kept)


class SharedCache(RedisCache):
    """The cache of all web processes."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._settings = params.get("OPTIONS", {})

    @cached_property
    def _cache(self) -> Any:
        # Read when first needed: tests choose their Redis after Django's settings are made.
        return RedisCacheClient([config().redis.url.get_secret_value()], **self._settings)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return a value, or ``default`` where there is none, or no Redis."""
        try:
            return super().get(key, default, version)
        except redis.RedisError as error:
            return _away(error, default)

    def set(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        """Keep a value; without Redis it is forgotten."""
        try:
            super().set(key, value, timeout, version)
        except redis.RedisError as error:
            _away(error, None)

    def add(
        self,
        key: str,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        """Keep a value unless there is one; return whether it was kept."""
        try:
            return bool(super().add(key, value, timeout, version))
        except redis.RedisError as error:
            return bool(_away(error, default=False))

    def clear(self) -> None:
        """Forget what this cache keeps; Django's own would empty Redis, with every bell in it."""
        client = self._cache.get_client(None, write=True)
        for key in client.scan_iter(f"{self.key_prefix}:*", count=SCANNED):
            client.delete(key)


def _away(error: redis.RedisError, default: Any) -> Any:
    log.warning("cache.no_redis", error=repr(error))
    return default
