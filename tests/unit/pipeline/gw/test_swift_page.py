"""What is read from Swift's page of a burst, and what is not."""

import pytest

from pipeline.gw.swift_page import BatAnalysis, read

PAGE = b"""<html><body><h1>GRB 251214</h1><pre>
T90: 0.30 +/- 0.05
 Measured from: -0.1 to 0.2
<b>T90 in the 50-300 keV band</b>: 0.25 sec
Hardness ratio (energy fluence ratio) = 1.73
   Energy Fluence      90% Error
 [keV]   [erg/cm2]     [erg/cm2]
 15- 25  1.1e-08       2e-09
 15-150  6.25e-08      4e-09
</pre></body></html>"""


def test_durations_hardness_and_fluence_are_read():
    assert read(PAGE) == BatAnalysis(0.30, 0.05, 0.25, 1.73, 6.25e-8)


@pytest.mark.parametrize(
    "page",
    [b"", b"<html>Not found", b"T90: n/a", b"\xff\xfe<", b"15-150 6e-08", b"<!--" * 1000],
    ids=["empty", "nothing", "no number", "no text", "no table", "comments"],
)
def test_a_page_without_them_says_nothing(page):
    assert read(page).is_empty


def test_a_part_is_better_than_nothing():
    assert read(b"T90: 81.9 +/- 7.") == BatAnalysis(81.9, 7.0)
