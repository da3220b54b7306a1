"""What is refused: the place, and what is allowed there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alerts.schemas import SURVEYS
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.columns import columns
from pipeline.user_filters.functions import FUNCTIONS
from pipeline.user_filters.parse import MAX_DEPTH, MAX_NODES
from pipeline.user_filters.tree import ExpressionError
from pipeline.user_filters.words import MAX_CHARACTERS


@pytest.mark.parametrize(
    ("expression", "marked", "words"),
    [
        ("", "", "not the end"),
        ("magpfs < 19", "magpfs", "nearest: magpsf"),
        ("MagPsf < 19", "MagPsf", "it is written magpsf"),
        ("reliability > 0.5", "reliability", "those of LSST have"),
        ("hostless", "hostless", "'hostless'"),
        ("abs > 1", "abs", "abs(x)"),
        ("magpsf", "magpsf", "a comparison is missing"),
        ("1 = 1", "1 = 1", "no column"),
        ("18 < magpsf < 19", "<", "between low and high"),
        ("magpsf < 19 < 20 and rock", "<", "between low and high"),
        ("magpsf between 1 and 2 < 3", "<", "between low and high"),
        ("(magpsf < 19", "", "not the end"),
        ("magpsf < 19)", ")", "does not belong here"),
        ("magpsf < 'x'", "'x'", "a text cannot be compared with a number"),
        ("class > 'hosted'", "class > 'hosted'", "compares numbers"),
        ("class = 'hostles'", "'hostles'", "stellar, hosted, hostless"),
        ("class in ('hosted', 1)", "1", "cannot be compared"),
        ("rock + 1 > 2", "rock", "+ takes numbers"),
        ("not magpsf", "magpsf", "not takes a comparison"),
        ("magpsf < 19 and drb", "drb", "and joins comparisons"),
        ("magpsf = null", "null", "write x is null"),
        ("magpsf is 3", "3", "is not null"),
        ("magpsf not 3", "3", "in or between"),
        ("band in ['g']", "[", "round brackets"),
        ("band in ()", ")", "in (…) holds"),
        ('class = "hosted"', '"', "single quotes"),
        ("class = 'hosted", "'", "has no end"),
        ("rock && star", "&", "write and"),
        ("magpsf ^ 2 > 1", "^", "pow(x, y)"),
        ("magpsf < 1e999", "1e999", "1.7e308"),
        ("logg(drb) > 1", "logg", "nearest: log10"),
        ("sqrt(1, 2) > drb", "sqrt(1, 2)", "sqrt(x)"),
        ("coalesce(drb, 'x') > 1", "'x'", "one kind"),
        ("magpsf < 19;", ";", "one expression"),
        ("magpsf < 19 é", "é", "stands for nothing"),
        ("import os", "os", "does not belong here"),
    ],
)
def test_a_mistake_is_told_with_its_place(expression, marked, words):
    with pytest.raises(ExpressionError) as caught:
        checked(expression, "ztf")

    error = caught.value
    assert words in error.text
    assert expression[error.at : error.end] == marked
    assert error.shown(expression).splitlines()[1].strip("^ ") == ""


def test_the_marks_stand_below_their_line():
    expression = "drb > 0.9\n  and magpfs < 19"

    with pytest.raises(ExpressionError) as caught:
        checked(expression, "ztf")

    assert caught.value.shown(expression).splitlines()[:2] == ["  and magpfs < 19", "      ^^^^^^"]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("rock and " * 300 + "rock", f"at most {MAX_CHARACTERS} characters"),
        ("rock or " * 220 + "rock", f"at most {MAX_NODES}"),
        ("(" * (MAX_DEPTH + 1) + "rock" + ")" * (MAX_DEPTH + 1), f"deeper than {MAX_DEPTH}"),
        ("not " * (MAX_DEPTH + 1) + "rock", f"deeper than {MAX_DEPTH}"),
        ("-" * (MAX_DEPTH + 1) + "drb < 1", f"deeper than {MAX_DEPTH}"),
        ("abs(" * (MAX_DEPTH + 1) + "drb" + ")" * (MAX_DEPTH + 1) + " < 1", "deeper"),
    ],
)
def test_what_is_too_long_or_too_deep_is_refused(expression, words):
    with pytest.raises(ExpressionError, match=words):
        checked(expression, "ztf")


def test_the_limits_themselves_are_allowed():
    assert checked("(" * MAX_DEPTH + "rock" + ")" * MAX_DEPTH, "ztf")
    assert checked("+".join(["drb"] * 99) + " > 1", "ztf")


@given(st.text(max_size=80))
def test_whatever_is_written_it_is_read_or_refused(expression):
    at, is_read = tried(expression, "lsst")

    assert is_read or 0 <= at <= len(expression)


@given(
    st.lists(
        st.sampled_from(
            [
                "magpsf",
                "19",
                "<",
                "(",
                ")",
                "and",
                "or",
                "not",
                "in",
                "between",
                "is",
                "null",
                "'g'",
                ",",
                "-",
                "abs",
            ]
        )
    )
)
def test_whatever_order_words_stand_in_they_are_read_or_refused(words):
    at, is_read = tried(" ".join(words), "ztf")

    assert is_read or at >= 0


def tried(expression, survey):
    try:
        return 0, bool(reads(checked(expression, survey)))
    except ExpressionError as error:
        return error.at, False


@pytest.mark.parametrize("survey", SURVEYS)
def test_every_column_and_function_can_be_named_and_is_explained(survey):
    for one in columns(survey).values():
        assert one.meaning, one.name
        assert reads(checked(f"{one.name} is not null", survey)) == {one.name}
    for function in FUNCTIONS:
        given = ", ".join(["jd"] * len(function.given))
        assert checked(f"{function.name}({given}) > 0", survey)


@pytest.mark.parametrize(
    ("survey", "name", "unit"),
    [
        ("ztf", "magpsf", "AB mag"),
        ("ztf", "psfFlux", "nJy"),
        ("lsst", "psfFlux", "nJy"),
        ("ztf", "photstats.g.rising.rate", "mag/d"),
        ("lsst", "jd", "JD"),
        ("ztf", "sso.separation_arcsec", "arcsec"),
    ],
)
def test_a_unit_is_the_one_of_the_schema_page(survey, name, unit):
    assert columns(survey)[name].unit == unit
