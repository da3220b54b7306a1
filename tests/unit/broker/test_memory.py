"""While a process imports what it needs, nothing is searched for garbage; afterwards it is."""

import gc

import pytest

from broker.memory import no_sweeps


@pytest.fixture(autouse=True)
def _as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_searched_meanwhile_and_what_was_made_is_left_alone_afterwards():
    with no_sweeps():
        assert not gc.isenabled()
        made = [{"a": []}]

    assert gc.isenabled()
    assert gc.get_freeze_count() > 0
    assert not any(each is made for each in gc.get_objects())


def test_an_import_that_fails_leaves_the_search_on():
    with pytest.raises(ImportError), no_sweeps():
        raise ImportError

    assert gc.isenabled()


def test_one_within_another_leaves_it_to_the_other():
    with no_sweeps():
        with no_sweeps():
            pass
        assert not gc.isenabled()
