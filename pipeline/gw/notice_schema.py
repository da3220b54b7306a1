"""How a notice departs from the schema that its senders publish: told, and no reason to refuse it.

The schema comes with the package ``igwn-gwalert-schema``; nothing is fetched. The check keeps every
fault in memory, and it stands before a notice is stored: it is given the beginning of what is long,
and it cannot stop a notice.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import islice
from typing import Any

import structlog
from jsonschema import Draft202012Validator

from pipeline import json_values

PACKAGE, FILE = "igwn_gwalert_schema", "igwn.alerts.Alert.schema.json"
MOST_PROBLEMS = 5
LONGEST_PROBLEM = 200
MOST_ENTRIES = 200
"""Of one list or object; a notice has a dozen."""
_NULL = {"type": "null"}

log = structlog.get_logger(__name__)


def problems(raw: bytes) -> str | None:
    """Return where a notice departs from the schema, in one line for people.

    Parameters
    ----------
    raw : bytes
        A notice that can be read.

    Returns
    -------
    str or None
        Each place with what is wrong there, parted by semicolons; None where it fits.
    """
    try:
        found = list(dict.fromkeys(_problems(json_values.parse(raw))))
    except Exception as error:  # a warning does not cost the notice, whatever broke
        log.exception("notice.schema_check_broke")
        return f"it could not be compared: {type(error).__name__}"
    if not found:
        return None
    more = [f"and {len(found) - MOST_PROBLEMS} more"] if len(found) > MOST_PROBLEMS else []
    return "; ".join([*found[:MOST_PROBLEMS], *more])


def _problems(notice: Any) -> Iterator[str]:
    cut: list[str] = []
    beginning = _beginning(notice, "the notice", cut)
    yield from cut
    for error in _validator().iter_errors(beginning):
        yield from (_text(leaf) for leaf in _leaves(error))


def _beginning(value: Any, place: str, cut: list[str]) -> Any:
    """Return a value with the first entries of each list and object; note what was cut."""
    if not isinstance(value, list | dict):
        return value
    if len(value) > MOST_ENTRIES:
        said = f"{len(value)} entries, of which the first {MOST_ENTRIES} are looked at"
        cut.append(f"{place[:LONGEST_PROBLEM]}: {said}")
    if isinstance(value, list):
        return [_beginning(each, place, cut) for each in value[:MOST_ENTRIES]]
    first = islice(value.items(), MOST_ENTRIES)
    return {name: _beginning(each, name, cut) for name, each in first}


@cache
def _validator() -> Any:
    text = resources.files(PACKAGE).joinpath(FILE).read_text()
    return Draft202012Validator(json.loads(text))


def _leaves(error: Any) -> Iterator[Any]:
    """Yield what is wrong inside; of "null or else …", what is wrong with the latter."""
    if error.validator != "oneOf":
        yield error
        return
    for inner in error.context:
        if inner.schema != _NULL:
            yield from _leaves(inner)


def _text(error: Any) -> str:
    """Return one problem without what is wrong itself, which may be a whole sky map."""
    place = error.json_path.removeprefix("$").removeprefix(".") or "the notice"
    if error.validator == "required":
        said = error.message
    else:
        said = f"not of {error.validator} {error.validator_value!r}"
    return f"{place}: {said}"[:LONGEST_PROBLEM]
