"""What a wrong name is told."""

from dataclasses import dataclass

import pytest

from broker.registry import by_name


@dataclass(frozen=True)
class Bird:
    name: str


BIRDS = (Bird("nightjar"), Bird("owl"))


def test_a_wrong_name_is_told_the_right_ones():
    with pytest.raises(KeyError, match="no bird 'wren'; known: nightjar, owl"):
        by_name("bird", "wren", BIRDS)


def test_a_record_is_found_by_its_name():
    assert by_name("bird", "owl", BIRDS) is BIRDS[1]
