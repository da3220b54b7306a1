"""Which changes of a schema the field survives: fields appended to ObservationBase, and no others.

Registries are content with far more: renamed fields with defaults, swapped fields of one type, new
symbols, changed defaults. Applications that read by position are not.
"""

import json
from collections.abc import Iterator
from typing import Any

GROWING = "ObservationBase"
"""The one record that ends its message: bytes behind what a reader knows are not read."""


def forbidden_changes(old: Any, new: Any) -> list[str]:
    """Return every change between two schemas that applications in the field would not survive.

    Parameters
    ----------
    old, new : dict
        Plain schemas, as JSON holds them. Texts (``doc``) may differ.

    Returns
    -------
    list of str
        Each with its place, as ``TelescopeCommand.observation_request.ra``; empty: none.
    """
    return list(_compare(str(_get(new, "name")), old, new))


def _compare(place: str, old: Any, new: Any) -> Iterator[str]:
    kinds = _get(old, "type"), _get(new, "type")
    if isinstance(old, list) and isinstance(new, list):
        yield from _branches(place, old, new)
    elif kinds == ("record", "record"):
        yield from _named(place, old, new)
        yield from _fields(place, old, new)
    elif kinds == ("enum", "enum"):
        yield from _named(place, old, new)
        yield from _symbols(place, old, new)
    elif _text(old) != _text(new):
        yield f"{place}: type {_text(old)} became {_text(new)}"


def _branches(place: str, old: list[Any], new: list[Any]) -> Iterator[str]:
    if len(old) != len(new):
        yield f"{place}: {len(old)} types became {len(new)}"
        return
    for before, after in zip(old, new, strict=True):
        yield from _compare(place, before, after)


def _named(place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for key in ("name", "namespace", "aliases"):
        if old.get(key) != new.get(key):
            yield f"{place}: {key} {_text(old.get(key))} became {_text(new.get(key))}"


def _symbols(place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before, after = old["symbols"], new["symbols"]
    yield from (f"{place}: symbol {each} is new" for each in after if each not in before)
    yield from (f"{place}: symbol {each} is gone" for each in before if each not in after)
    if before != after and sorted(before) == sorted(after):
        yield f"{place}: symbols {before} became {after}"
    if old.get("default") != new.get("default"):
        yield (
            f"{place}: default symbol {_text(old.get('default'))}"
            f" became {_text(new.get('default'))}"
        )


def _fields(place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before = {field["name"]: field for field in old["fields"]}
    after = {field["name"]: field for field in new["fields"]}
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    renamed = _renamed(list(before), list(after), gone, come)
    yield from (f"{place}.{name}: renamed to {other}" for name, other in renamed.items())
    yield from (f"{place}.{name}: removed" for name in gone if name not in renamed)
    for name in come:
        if name not in renamed.values():
            is_at_end = list(after).index(name) >= len(before)
            yield from _added(place, after[name], new, is_at_end=is_at_end)
    yield from _moved(place, list(before), list(after))
    for name, field in before.items():
        if name in after:
            yield from _field(f"{place}.{name}", field, after[name])


def _renamed(
    before: list[str], after: list[str], gone: list[str], come: list[str]
) -> dict[str, str]:
    """Return the new names of fields whose places have fields of other names."""
    pairs = zip(before, after, strict=False)
    return {old: new for old, new in pairs if old in gone and new in come}


def _added(
    place: str, field: dict[str, Any], record: dict[str, Any], *, is_at_end: bool
) -> Iterator[str]:
    place = f"{place}.{field['name']}"
    if record["name"] != GROWING:
        yield f"{place}: added; only {GROWING} takes new fields"
    elif not is_at_end:
        yield f"{place}: added before the end of {GROWING}"
    elif not _is_null_by_default(field):
        yield f"{place}: added without being null by default"


def _is_null_by_default(field: dict[str, Any]) -> bool:
    kind = field["type"]
    return isinstance(kind, list) and kind[:1] == ["null"] and field.get("default", "") is None


def _moved(place: str, before: list[str], after: list[str]) -> Iterator[str]:
    kept = [name for name in before if name in after]
    now = [name for name in after if name in before]
    for was, name in zip(kept, now, strict=True):
        if was != name:
            yield f"{place}.{name}: moved to where {was} was"


def _field(place: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    yield from _compare(place, old["type"], new["type"])
    defaults = [_text(field["default"]) if "default" in field else "none" for field in (old, new)]
    if defaults[0] != defaults[1]:
        yield f"{place}: default {defaults[0]} became {defaults[1]}"
    if old.get("aliases") != new.get("aliases"):
        yield f"{place}: aliases {_text(old.get('aliases'))} became {_text(new.get('aliases'))}"


def _get(schema: Any, key: str) -> Any:
    return schema.get(key) if isinstance(schema, dict) else None


def _text(part: Any) -> str:
    return json.dumps(part, sort_keys=True)
