"""Random records of a schema, nulls and NaN included, and their bytes as fastavro writes them."""

import io
import math
from typing import Any

import fastavro
import numpy as np

NULL_SHARE = 0.3


def record(schema: Any, rng: np.random.Generator) -> Any:
    """Return a random record of a parsed schema."""
    return _value(schema, schema["__named_schemas"], rng)


def written(schema: Any, value: Any) -> bytes:
    """Return a record's bytes, without a schema."""
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    return stream.getvalue()


def _value(kind: Any, named: dict[str, Any], rng: np.random.Generator) -> Any:
    if isinstance(kind, list):
        if rng.random() < NULL_SHARE:
            return None
        (kind,) = (each for each in kind if each != "null")
    kind = named.get(kind, kind) if isinstance(kind, str) else kind
    name = kind if isinstance(kind, str) else kind["type"]
    if name == "record":
        return {f["name"]: _value(f["type"], named, rng) for f in kind["fields"]}
    values = {
        "double": lambda: float(rng.choice([rng.normal() * 1e5, math.nan, math.inf])),
        "float": lambda: float(np.float32(rng.choice([rng.normal(), math.nan]))),
        "int": lambda: int(rng.integers(-5, 5)),
        "long": lambda: int(rng.integers(-(2**62), 2**62)),
        "boolean": lambda: bool(rng.random() < 0.5),
        "string": lambda: str(rng.choice(["", "ZTF24é", "it's"])),
        "enum": lambda: str(rng.choice(kind["symbols"])),
    }
    return values[name]()
