"""Numbers and times on pages."""

from datetime import UTC, datetime

import pytest

from broker.templatetags import words

THIN = words.THIN_SPACE


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "–"), ("", "–"), (0, "0"), (999, "999"), (1234567, f"1{THIN}234{THIN}567"), (2.6, "3")],
)
def test_whole_numbers(number, text):
    assert words.grouped(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "–"), (0.0, "0"), (0.4, "0.4"), (12.34, "12.3"), (5230.0, f"5{THIN}230")],
)
def test_rates(number, text):
    assert words.rate(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, "–"), (170_000, "0.17 MB"), (45e6, "45 MB"), (3.2e9, "3.2 GB")]
)
def test_amounts(number, text):
    assert words.megabytes(number) == text


@pytest.mark.parametrize(
    ("age_s", "text"),
    [(0, "0"), (119, "119"), (120, "2"), (7199, "119"), (7200, "2"), (172_800, "2")],
)
def test_ages(monkeypatch, age_s, text):
    monkeypatch.setattr(words.time, "time", lambda: 1_000_000.0)

    found = words.ago(1_000_000.0 - age_s)

    assert f">{text}{THIN}" in found


def test_a_time_to_come_is_now(monkeypatch):
    monkeypatch.setattr(words.time, "time", lambda: 1_000_000.0)

    assert f">0{THIN}s ago<" in words.ago(1_000_005.0)


def test_never():
    assert words.ago(None) == "never"
    assert words.ago(None, 0) == "never"


def test_what_came_at_an_unknown_time_is_not_said_to_have_never_come():
    assert words.ago(None, 12) == "not known yet"
    assert words.ago("", 12) == "not known yet"


def test_times_are_utc_with_the_moment_for_programs():
    found = words.utc(datetime(2026, 11, 21, 20, 0, tzinfo=UTC))

    assert found == '<time datetime="2026-11-21T20:00:00Z">2026-11-21 20:00:00 UTC</time>'


def test_a_name_may_break_behind_its_dots_and_is_escaped():
    assert words.dotted("a.b<c") == "a.<wbr>b&lt;c"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86_400, "24 hours"),
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (60, "1 minute"),
        (59, "59 seconds"),
        (3601, "3601 seconds"),
    ],
)
def test_how_long_something_holds(seconds, text):
    assert words.duration(seconds) == text
