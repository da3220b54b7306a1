"""How a notice departs from the schema that its senders publish: told, and no reason to refuse it.

The schema comes with the package ``igwn-gwalert-schema``; nothing is fetched.
"""

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator

from pipeline import json_values

PACKAGE, FILE = "igwn_gwalert_schema", "igwn.alerts.Alert.schema.json"
MOST_PROBLEMS = 5
LONGEST_PROBLEM = 200
_NULL = {"type": "null"}


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
    errors = _validator().iter_errors(json_values.parse(raw))
    found = sorted({_text(leaf) for error in errors for leaf in _leaves(error)})
    if not found:
        return None
    more = [f"and {len(found) - MOST_PROBLEMS} more"] if len(found) > MOST_PROBLEMS else []
    return "; ".join([*found[:MOST_PROBLEMS], *more])


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
