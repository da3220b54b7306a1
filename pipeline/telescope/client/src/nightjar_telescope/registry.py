"""The schema registry: ids of our schemas, and the schemas of others' messages."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

import fastavro
import httpx2
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from nightjar_telescope.errors import RefusedError, UnavailableError, UndecodableError
from nightjar_telescope.messages import Message
from nightjar_telescope.schema import schema_text

TIMEOUT_S = 5
UNKNOWN_S = 60.0
"""So long an id that the registry did not know is not asked for again."""
MOST_UNKNOWN = 1000
UNKNOWN_CODES = frozenset({40401, 40403})
"""No such subject, no such schema; any other 404 comes of a wrong address."""
NOT_AVRO = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What fastavro raises for schemas that are none."""

Answer = TypeVar("Answer")


class Registry:
    """A schema registry, reached by Confluent's REST interface; every call may block.

    Parameters
    ----------
    url : str
        With its path, such as ``http://localhost:8081/apis/ccompat/v7``.
    tries : int
        Of each call that is not answered.
    """

    def __init__(self, url: str, tries: int = 1) -> None:
        self.url = url.rstrip("/")
        settings = {"url": self.url, "timeout": TIMEOUT_S, "max.retries": tries - 1}
        self._client = SchemaRegistryClient(settings)
        self._writers: dict[int, Any] = {}
        self._unknown_until: dict[int, float] = {}

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def id_of(self, subject: str, message: type[Message]) -> int:
        """Return the id that a message's schema has now; nothing is registered.

        Raises
        ------
        UnavailableError
            If the registry does not answer.
        RefusedError
            If the schema is not registered under the subject.
        """
        self._client.clear_caches()
        schema = Schema(schema_text(message), "AVRO")
        found = self._ask(lambda: self._client.lookup_schema(subject, schema))
        if found is None:
            raise RefusedError(
                f"registry {self.url}: the schema of {message.__name__} is not registered under"
                f" {subject}; Nightjar's operators do that:"
                " manage.py generate_schemas --register"
            )
        return int(found.schema_id)

    def known(self, schema_id: int) -> Any:
        """Return the schema with an id if it was asked for before, or None; never blocks."""
        return self._writers.get(schema_id)

    def writer(self, schema_id: int) -> Any:
        """Return the schema with an id, as fastavro takes it; asked for once.

        Raises
        ------
        UnavailableError
            If the registry does not answer.
        UndecodableError
            If it has no such schema, or one that is no Avro.
        """
        if schema_id not in self._writers:
            self._writers[schema_id] = self._fetched(schema_id)
        return self._writers[schema_id]

    def _fetched(self, schema_id: int) -> Any:
        unknown = UndecodableError(f"registry {self.url}: no schema has the id {schema_id}")
        if time.monotonic() < self._unknown_until.get(schema_id, 0.0):
            raise unknown
        found = self._ask(lambda: self._client.get_schema(schema_id))
        if found is None:
            if len(self._unknown_until) >= MOST_UNKNOWN:
                self._unknown_until.clear()
            self._unknown_until[schema_id] = time.monotonic() + UNKNOWN_S
            raise unknown
        try:
            return fastavro.parse_schema(json.loads(found.schema_str))
        except NOT_AVRO as error:
            raise UndecodableError(f"schema id {schema_id} is not Avro: {error!r}") from error

    def _ask(self, call: Callable[[], Answer]) -> Answer | None:
        """Return what the registry answers, or None when it says that there is no such thing."""
        try:
            return call()
        except SchemaRegistryError as error:
            if error.error_code in UNKNOWN_CODES:
                return None
            raise UnavailableError(f"registry {self.url}: {error}{self._hint(error)}") from error
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, TypeError) as error:
            # The last two: a reply that is not a registry's.
            raise UnavailableError(f"registry {self.url}: {error!r}") from error

    def _hint(self, error: SchemaRegistryError) -> str:
        if error.http_status_code != httpx2.codes.NOT_FOUND:
            return ""
        return "; the address needs its whole path, as http://localhost:8081/apis/ccompat/v7"
