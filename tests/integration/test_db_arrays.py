"""Arrays in binary form arrive at Postgres as they were."""

import numpy as np
import pytest

from broker.db import cursor
from broker.db_arrays import BigInts, ByteStrings, Doubles, Ints, SmallInts, Texts

pytestmark = pytest.mark.integration

ARRAYS = [
    ("smallint[]", SmallInts.of, [-(2**15), 0, 2**15 - 1]),
    ("integer[]", Ints.of, [-(2**31), 0, 2**31 - 1]),
    ("bigint[]", BigInts.of, [-(2**63), 0, 2**63 - 1]),
    ("double precision[]", Doubles.of, [2460961.123456789, -0.0, 1e-300]),
    ("bytea[]", ByteStrings.of, [b"", b'\0"\\{}', b"x" * 70_000]),
    ("text[]", Texts.of_texts, ["", 'é"\\{},NULL', "x" * 300]),
]


@pytest.mark.parametrize(("name", "of", "values"), ARRAYS)
def test_an_array_arrives_as_it_was(session, name, of, values):
    with cursor(session) as cur:
        for given in (values, values[:1], []):
            cur.execute("SELECT %s, pg_typeof(%s)::text", (of(given), of(given)), binary=True)
            assert cur.fetchone() == (given, name)


def test_columns_of_numpy_arrive_too(session):
    values = np.array([[1, 2], [3, 4]])[:, 1]
    with cursor(session) as cur:
        cur.execute("SELECT * FROM unnest(%s, %s)", (BigInts.of(values), Doubles.of(values)))
        assert cur.fetchall() == [(2, 2.0), (4, 4.0)]


@pytest.mark.parametrize("values", [[2**15], np.array([2**15]), [-(2**70)]])
def test_what_does_not_fit_is_refused(values):
    with pytest.raises(OverflowError):
        SmallInts.of(values)
