"""A packet that is neither stored nor a copy of a stored alert must not pass silently."""

from contextlib import nullcontext

import pytest

from pipeline.alerts import store
from pipeline.alerts.store import Source

HERE = Source(3, 0)


class Cursor(list):
    """Answers the one question of ``insert_duplicates`` and takes what it writes."""

    def __init__(self, stored):
        super().__init__(stored)
        self.written = []

    def execute(self, text, values, **_):
        if text.startswith("INSERT"):
            self.written.append(values)


@pytest.fixture
def answer(monkeypatch):
    def with_rows(*stored):
        cursor = Cursor(stored)
        monkeypatch.setattr(store, "cursor", lambda _: nullcontext(cursor))
        return cursor

    return with_rows


def test_a_copy_under_other_coordinates_is_recorded(answer):
    cursor = answer((77, 5, 3, 0, 10, 0))

    assert store.insert_duplicates(None, "ztf", HERE, [(77, 12)]) == 1
    assert cursor.written == [(3, 0, [12], [5])]


def test_the_packet_of_the_alert_itself_is_no_duplicate(answer):
    answer((77, 5, 3, 0, 10, 0))

    assert store.insert_duplicates(None, "ztf", HERE, [(77, 10)]) == 0


def test_a_packet_whose_place_another_alert_holds_is_an_error(answer):
    answer()

    with pytest.raises(store.PlaceTakenError, match="77 at offset 10"):
        store.insert_duplicates(None, "ztf", HERE, [(77, 10)])
