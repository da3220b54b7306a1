"""The process that takes packets apart answers, or ends without harm."""

import subprocess
import sys

import pytest

from broker import anatomy_apart
from broker.anatomy import dissect
from broker.anatomy_apart import NotDissectedError, dissect_apart
from tests.hostile import body, good, snappy, wrapped
from tests.unit.broker.test_anatomy import FRAMED, SCHEMA

SNAPPY = wrapped("ztf", snappy(body("ztf", good("ztf"))), codec="snappy")


@pytest.mark.parametrize(
    ("value", "schema"),
    [(FRAMED, SCHEMA), (SNAPPY, None), (b"\n\xff\n", None)],
    ids=["framed", "snappy", "rubbish"],
)
def test_the_child_sees_what_we_would(value, schema):
    found = dissect_apart(value, schema)

    assert found == dissect(value, schema)
    assert (found.root is None) is (value == b"\n\xff\n")


def test_a_child_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr(anatomy_apart, "WALL_S", 0.001)

    with pytest.raises(NotDissectedError, match="longer than"):
        dissect_apart(FRAMED, SCHEMA)


def test_a_child_that_dies_is_named(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(NotDissectedError, match="exit 1"):
        dissect_apart(FRAMED, SCHEMA)


@pytest.mark.parametrize(
    "deed",
    ["bytearray(2**30)", "while True: pass", "open('big', 'wb').write(bytes(2**24))"],
    ids=["memory", "cpu", "disk"],
)
def test_the_child_is_held(tmp_path, deed):
    program = f"from broker import anatomy_apart as a; a.CPU_S = 1; a._limit()\n{deed}"

    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )

    assert done.returncode != 0
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= anatomy_apart.ANSWER_BYTES
