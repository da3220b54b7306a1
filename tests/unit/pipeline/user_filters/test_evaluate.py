"""Masks: against plain Python row by row, and against rules that stand in the documentation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.evaluate import Table, Values, mask
from tests.unit.pipeline.user_filters import plain
from tests.unit.pipeline.user_filters.plain import Said


def column(values):
    valid = np.array([value is not None for value in values])
    if any(isinstance(value, str) for value in values):
        array = np.array(values, object)
    else:
        filled = [0 if value is None else value for value in values]
        array = np.array(filled, bool if isinstance(filled[0], bool) else None)
    return Values(array, None if valid.all() else valid)


def caught(expression, rows):
    tree = checked(expression, "ztf")
    columns = {name: column([row[name] for row in rows]) for name in reads(tree)}
    return mask(tree, Table("ztf", len(rows), columns)).tolist()


def test_random_expressions_say_what_plain_python_says_row_by_row():
    nulls = set()

    @settings(max_examples=500)
    @given(plain.expressions(), plain.rows())
    def compare(said: Said, rows):
        wanted = [said.of(row) for row in rows]
        nulls.update(wanted)
        if any(name in said.text for name in (*plain.NUMBERS, *plain.TEXTS, *plain.FLAGS)):
            assert caught(said.text, rows) == [each is True for each in wanted]

    compare()
    assert nulls == {True, False, None}


ROW = {"magpsf": 18.5, "drb": None, "ra": 10.0, "dec": 20.0, "jd": 2460000.5, "candid": 2**60 + 1,
       "class": "hosted", "rock": False, "jdstarthist": 2460000.2}  # fmt: skip


@pytest.mark.parametrize(
    ("expression", "is_caught"),
    [
        ("drb > 0.5", False),
        ("not drb > 0.5", False),
        ("drb > 0.5 or magpsf < 19", True),
        ("drb > 0.5 and magpsf < 19", False),
        ("not (drb > 0.5 and magpsf > 19)", True),
        ("drb is null", True),
        ("coalesce(drb, 1) > 0.5", True),
        ("coalesce(drb > 1, rock, true)", False),
        ("magpsf / 0 is null", True),
        ("log10(0 * magpsf) is null and ln(-magpsf) is null and sqrt(-magpsf) is null", True),
        ("exp(magpsf * 1e9) is null", True),
        ("candid = 1152921504606846977", True),
        ("candid = 1152921504606846976", False),
        ("candid in (-1, 1152921504606846977)", True),
        ("magpsf between 18.5 and 18.5", True),
        ("magpsf not between 18.5 and 19", False),
        ("class in ('hosted', 'hostless') and not rock", True),
        ("rock = false", True),
        ("magpsf - 1 - 1 < 16.6", True),
        ("2 + 3 * magpsf = 57.5", True),
        ("-magpsf < - 18", True),
        # 1 degree of declination is 3,600 arcsec; across RA 0 nothing jumps.
        ("separation_arcsec(ra, dec, 10, 21) between 3599.999 and 3600.001", True),
        ("separation_arcsec(0.0005, 0, 359.9995, 0 * ra) between 3.5999 and 3.6001", True),
        # JD .2 is 16:48 UTC, .5 is midnight UTC: ZTF's noon, 19 h UTC, lies between them.
        ("nights_since(jdstarthist) = 1", True),
        ("nights_since(jd - 0.1) = 0 and nights_since(jd + 10) = -10", True),
    ],
)
def test_a_rule_of_the_language(expression, is_caught):
    assert caught(expression, [ROW]) == [is_caught]


@given(st.integers(0, 5))
def test_nothing_in_gives_nothing_out(size):
    assert len(caught_of_none(size)) == size


def caught_of_none(size):
    values = Values(np.zeros(size), np.zeros(size, bool))
    return mask(checked("magpsf < 19", "ztf"), Table("ztf", size, {"magpsf": values}))
