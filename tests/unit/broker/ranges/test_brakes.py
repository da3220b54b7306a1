from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from broker.ranges.brakes import Breaker, disk_reason


def noted(*ranges):
    breaker = Breaker()
    for read, dead in ranges:
        breaker.note(read, dead)
    return breaker


def test_a_few_bad_packets_at_the_start_do_not_stop_a_stream():
    assert noted((99, 99)).reason() is None


def test_more_than_half_of_the_last_hundred_stops_it():
    assert noted((50, 50), (50, 1)).reason() == "51 of the last 100 packets became dead letters"
    assert noted((50, 50), (50, 0)).reason() is None


def test_a_good_past_does_not_excuse_a_bad_present():
    assert noted((5000, 0), (100, 90)).reason() is not None


def test_a_bad_past_is_forgotten():
    assert noted((100, 100), *[(1, 0)] * 100).reason() is None


def test_a_reset_begins_anew():
    breaker = noted((100, 100))
    breaker.reset()
    assert breaker.reason() is None


def test_empty_ranges_do_not_count():
    assert noted((0, 0), (0, 0)).reason() is None


def test_offsets_that_expired_are_no_bad_packets():
    assert noted((0, 5000), (100, 0)).reason() is None


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 1)), max_size=60))
def test_the_breaker_judges_the_shortest_tail_of_at_least_a_hundred(shares):
    ranges = [(read, round(read * share)) for read, share in shares]
    tail, read, dead = list(ranges), 0, 0
    while tail and read < 100:
        newest = tail.pop()
        read, dead = read + newest[0], dead + newest[1]
    is_bad = read >= 100 and dead > read / 2
    assert (noted(*ranges).reason() is not None) == is_bad


def test_this_disk_has_room_even_for_a_folder_to_be_made(tmp_path: Path):
    assert disk_reason(tmp_path / "archive" / "ztf") is None
