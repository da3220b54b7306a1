"""Our schemas in the registry: registered before use, and an id never changes its meaning.

What the registry says is kept in Postgres, and compared with what it says the next time: a registry
that lost its memory and gave our ids to others would make every message unreadable, or worse, be
read wrongly. While it is away, what is kept serves on.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from nightjar_telescope.evolution import forbidden_changes
from nightjar_telescope.messages import KINDS, Message
from nightjar_telescope.schema import schema_of, schema_text
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.db import transaction
from broker.errors import TransientError
from pipeline.telescope.record import Telescope
from pipeline.telescope.schema_table import TelescopeSchema

COMPATIBILITY = "BACKWARD"

log = structlog.get_logger(__name__)


class SchemaIdError(Exception):
    """An id of the registry means another schema than it did."""


class ChangedIdError(SchemaIdError, TransientError):
    """A message has such an id: until somebody has looked at the registry, it is not judged."""


class EvolutionError(Exception):
    """A schema differs from what the field knows in a way that it would not survive."""


class KnownVersion(Protocol):
    """What is wanted of ``pipeline.clients.schema_registry.Version``."""

    @property
    def schema_id(self) -> int:
        """Return its id."""

    @property
    def number(self) -> int:
        """Return the number of its version."""

    @property
    def definition(self) -> Any:
        """Return the schema."""


class Registry(Protocol):
    """What is wanted of ``pipeline.clients.schema_registry.SchemaRegistry``."""

    def schema(self, schema_id: int) -> Any:
        """Return the schema of an id, or None."""

    def version(self, subject: str, definition: bytes) -> KnownVersion | None:
        """Return what a schema is under a subject, or None."""

    def latest(self, subject: str) -> KnownVersion | None:
        """Return the newest schema under a subject, or None."""

    def register(self, subject: str, definition: bytes, compatibility: str) -> int:
        """Return the id of a schema, which has one from now on."""


@dataclass(frozen=True)
class Registered:
    """A schema of ours, and its id.

    Attributes
    ----------
    subject : str
        Its topic and ``-value``.
    schema_id, version : int
        What the registry calls it.
    """

    subject: str
    schema_id: int
    version: int


Wanted = Sequence[tuple[str, type[Message]]]
"""Subjects, each with the message whose schema belongs there."""


def subjects(telescopes: Iterable[Telescope]) -> Wanted:
    """Return the subjects of these telescopes' topics."""
    return [
        (f"{topic}-value", kind.message)
        for telescope in telescopes
        for topic, kind in zip(telescope.topics, KINDS, strict=True)
    ]


def fingerprint(definition: Any) -> str:
    """Return what tells schemas apart: SHA-256, hexadecimal, of all of them but their texts.

    Avro's own canonical form leaves defaults and logical types out, which we must not lose.
    """
    text = json.dumps(_without_texts(definition), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def register(registry: Registry, wanted: Wanted) -> list[Registered]:
    """Have every subject its schema; what has it keeps id and version.

    Parameters
    ----------
    registry : Registry
        Ours.
    wanted : sequence of (str, type of Message)
        As ``subjects`` returns it.

    Raises
    ------
    SchemaIdError
        If an id that we know means another schema now; nothing was registered.
    EvolutionError
        If a schema differs from the newest one of its subject by more than the field survives.
    TransientError
        If the registry does not answer.
    """
    with transaction() as session:
        kept = _kept(session)
    _compare(registry, kept)
    found = [(_registered(registry, *each), each[1]) for each in wanted]
    _raise_if_taken(kept, found)
    with transaction() as session:
        _keep(session, found)
    return [each for each, _ in found]


def ids(registry: Registry, wanted: Wanted) -> dict[str, int]:
    """Return the id of each subject's schema; what is kept serves while the registry is away.

    Raises
    ------
    SchemaIdError, EvolutionError
        As ``register``.
    TransientError
        If the registry does not answer, and a subject's schema is not kept.
    """
    try:
        return {each.subject: each.schema_id for each in register(registry, wanted)}
    except TransientError as error:
        known = kept_ids(wanted)
        if len(known) < len(wanted):
            missing = ", ".join(subject for subject, _ in wanted if subject not in known)
            raise TransientError(f"{error}; no id is kept for {missing}") from error
        log.warning("telescope.registry_away", error=str(error), kept_ids=known)
        return known


def kept_ids(wanted: Wanted) -> dict[str, int]:
    """Return the ids that are kept for these subjects' schemas; the newest where there are two."""
    prints = {subject: fingerprint(schema_of(message)) for subject, message in wanted}
    with transaction() as session:
        rows = session.execute(
            select(TelescopeSchema.subject, TelescopeSchema.fingerprint, TelescopeSchema.schema_id)
            .where(TelescopeSchema.subject.in_(prints))
            .order_by(TelescopeSchema.id)
        )
        return {
            row.subject: row.schema_id for row in rows if row.fingerprint == prints[row.subject]
        }


def kept_schema(schema_id: int) -> Any:
    """Return the schema that we know an id to mean, or None: a source of a ``SchemaCache``."""
    with transaction() as session:
        text = session.scalar(
            select(TelescopeSchema.definition)
            .where(TelescopeSchema.schema_id == schema_id)
            .order_by(TelescopeSchema.id)
            .limit(1)
        )
    return None if text is None else json.loads(text)


def compared(schema_id: int, found: Any) -> Any:
    """Return what the registry says that an id means; None: what we know it to mean, if anything.

    Raises
    ------
    ChangedIdError
        If we know it to mean something else.
    """
    kept = kept_schema(schema_id)
    if found is None or kept is None:
        return kept if found is None else found
    if fingerprint(found) != fingerprint(kept):
        raise ChangedIdError(
            f"registry: id {schema_id} meant the schema {_name(kept)}, and means another,"
            f" {_name(found)}, now: is it another registry, or one restored from elsewhere?"
            " Nothing with this id is read until it means the first again"
        )
    return found


def raise_if_forbidden(name: str, old: Any, new: Any) -> None:
    """Refuse a change that applications in the field would not survive.

    Raises
    ------
    EvolutionError
        If there is one; it names all of them.
    """
    if found := forbidden_changes(old, new):
        raise EvolutionError(
            f"{name}: applications in the field would not survive: {'; '.join(found)}"
        )


def _compare(registry: Registry, kept: Mapping[int, TelescopeSchema]) -> None:
    """Ask what our ids mean now."""
    for schema_id, row in kept.items():
        found = registry.schema(schema_id)
        if found is None:
            log.warning("telescope.registry_forgot", schema_id=schema_id, subject=row.subject)
        elif fingerprint(found) != row.fingerprint:
            raise SchemaIdError(
                f"registry: id {schema_id} meant the schema of {row.subject} since"
                f" {row.registered_at:%Y-%m-%d}, and means {_name(found)} now: is it another"
                " registry, or one restored from elsewhere? Nothing was registered"
            )


def _registered(registry: Registry, subject: str, message: type[Message]) -> Registered:
    definition = schema_text(message).encode()
    known = registry.version(subject, definition)
    if known is None:
        latest = registry.latest(subject)
        if latest is not None:
            raise_if_forbidden(subject, latest.definition, schema_of(message))
        registry.register(subject, definition, COMPATIBILITY)
        known = registry.version(subject, definition)
    if known is None:
        raise TransientError(f"registry: {subject}: what was registered is not there")
    return Registered(subject, known.schema_id, known.number)


def _raise_if_taken(
    kept: Mapping[int, TelescopeSchema], found: Sequence[tuple[Registered, type[Message]]]
) -> None:
    """Refuse ids that the registry has just given a second time."""
    for each, message in found:
        row = kept.get(each.schema_id)
        if row is not None and row.fingerprint != fingerprint(schema_of(message)):
            raise SchemaIdError(
                f"registry: {each.subject} got id {each.schema_id}, by which messages of"
                f" {row.subject} were written with another schema: it lost its memory"
            )


def _kept(session: Session) -> dict[int, TelescopeSchema]:
    """Return a row of each id; all rows of one hold the same schema."""
    rows = session.scalars(select(TelescopeSchema).order_by(TelescopeSchema.id.desc()))
    return {row.schema_id: row for row in rows}


def _keep(session: Session, found: Sequence[tuple[Registered, type[Message]]]) -> None:
    if not found:
        return
    rows = [
        {
            "subject": each.subject,
            "fingerprint": fingerprint(schema_of(message)),
            "schema_id": each.schema_id,
            "version": each.version,
            "definition": schema_text(message),
        }
        for each, message in found
    ]
    session.execute(insert(TelescopeSchema).values(rows).on_conflict_do_nothing())


def _without_texts(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _without_texts(value) for name, value in part.items() if name != "doc"}
    return [_without_texts(each) for each in part] if isinstance(part, list) else part


def _name(definition: Any) -> str:
    name = definition.get("name") if isinstance(definition, dict) else None
    return str(name) if name else "something else"
