"""A table that a stream writes, shown to Django as a model that cannot write."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn

from django.db import models
from sqlalchemy import types
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.elements import KeyedColumnElement

from broker.db import Table

FIELDS: "tuple[tuple[type[types.TypeEngine[Any]], type[models.Field[Any, Any]]], ...]" = (
    # From special to general: the first that fits is taken.
    (types.Boolean, models.BooleanField),
    (types.BigInteger, models.BigIntegerField),
    (types.SmallInteger, models.SmallIntegerField),
    (types.Integer, models.IntegerField),
    (JSONB, models.JSONField),
    (types.DateTime, models.DateTimeField),
    (types.Date, models.DateField),
    (types.LargeBinary, models.BinaryField),
    (types.Float, models.FloatField),
    (types.Uuid, models.UUIDField),
    (types.String, models.TextField),
)


class MirrorError(Exception):
    """Django tried to write what a stream owns."""


def _refuse(*_args: object, **_kwargs: object) -> NoReturn:
    raise MirrorError(
        "this table belongs to the streams: SQLAlchemy writes it; an admin action enqueues a task"
    )


class ReadOnlyQuerySet(models.QuerySet[Any]):
    """Rows that can be read only."""

    update = _refuse
    delete = _refuse
    bulk_create = _refuse
    bulk_update = _refuse
    _update = _refuse
    _insert = _refuse
    _raw_delete = _refuse


class Mirror(models.Model):
    """Base of every mirror."""

    title_column: ClassVar[str]
    objects = ReadOnlyQuerySet.as_manager()
    save_base = _refuse
    delete = _refuse

    class Meta:
        """Django's options."""

        abstract = True

    def __str__(self) -> str:
        name = self._meta.verbose_name or ""
        return f"{name} {getattr(self, self.title_column)}"


def all_of(model: type[Mirror]) -> "models.QuerySet[Any]":
    """Return every row of a mirror, newest first; filter it further."""
    return model._default_manager.all()


def mirror(
    table: type[Table],
    name: str,
    module: str,
    *,
    verbose_name: str,
    title: str = "pk",
    links: Mapping[str, str] | None = None,
    choices: Mapping[str, Sequence[tuple[Any, str]]] | None = None,
    permissions: Sequence[tuple[str, str]] = (),
) -> type[Mirror]:
    """Return an unmanaged model with every column of ``table``.

    Parameters
    ----------
    table : type of Table
        What is shown.
    name, module : str
        Of the model; ``module`` is the caller's ``__name__``.
    verbose_name : str
        One row, in words.
    title : str, optional
        Column that names a row on its page.
    links : mapping of str to str, optional
        Column ending in ``_id`` to the name of the mirror whose key it holds: the field is a
        foreign key without the end.
    choices : mapping of str to sequence of pairs, optional
        Column to its values and their words; filters then need no query.
    permissions : sequence of pairs, optional
        Code and words of what may be granted beside looking: actions that ask a stream for work.
    """
    links = links or {}
    choices = choices or {}
    attributes: dict[str, Any] = {
        "__module__": module,
        "__doc__": table.__doc__,
        "title_column": title,
    }
    for column in table.__table__.columns:
        if target := links.get(column.name):
            attributes[column.name.removesuffix("_id")] = _link(column, target)
        else:
            attributes[column.name] = _field(column, choices.get(column.name))
    attributes["Meta"] = type(
        "Meta",
        (),
        {
            "managed": False,
            "db_table": table.__tablename__,
            "base_manager_name": "objects",
            "default_permissions": ("view",),
            "permissions": tuple(permissions),
            "verbose_name": verbose_name,
            "verbose_name_plural": plural(verbose_name),
            "ordering": ("-pk",),
        },
    )
    return type(name, (Mirror,), attributes)


def plural(words: str) -> str:
    """Return words for several of a thing: as English has it, of what stands before "of"."""
    thing, *rest = re.split(r"(?= (?:in|of|on|for|to|at) )", words, maxsplit=1)
    if thing.endswith("y") and thing[-2:-1] not in "aeiou":
        several = f"{thing[:-1]}ies"
    else:
        several = f"{thing}es" if thing.endswith(("ch", "sh", "s", "x")) else f"{thing}s"
    return "".join([several, *rest])


def _field(
    column: KeyedColumnElement[Any], choices: Sequence[tuple[Any, str]] | None
) -> "models.Field[Any, Any]":
    for sql_type, field in FIELDS:
        if isinstance(column.type, sql_type):
            return field(**_options(column), primary_key=column.primary_key, choices=choices)
    raise MirrorError(f"{column}: no Django field is known for {column.type!r}")


def _link(column: KeyedColumnElement[Any], target: str) -> "models.Field[Any, Any]":
    return models.ForeignKey(
        target,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        **_options(column),
    )


def _options(column: KeyedColumnElement[Any]) -> dict[str, Any]:
    return {
        "db_column": column.name,
        "null": bool(column.nullable),
        "blank": bool(column.nullable),
        "help_text": column.comment or "",
        "verbose_name": column.name.removesuffix("_id").replace("_", " "),
    }
