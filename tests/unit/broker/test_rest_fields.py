"""Fields take their own type and no other."""

import pytest
from rest_framework.exceptions import ValidationError

from broker.rest_fields import Flag, Text


@pytest.mark.parametrize("given", [0, 1.5, True, ["a"], {"a": "b"}])
def test_what_is_no_text_is_not_made_one(given):
    with pytest.raises(ValidationError, match="Not a valid string"):
        Text().run_validation(given)


def test_a_text_is_read_without_blanks_around_it():
    assert Text().run_validation(" a ") == "a"


@pytest.mark.parametrize(("given", "flag"), [(True, True), ("TRUE", True), ("false", False)])
def test_a_flag_is_read(given, flag):
    assert Flag().run_validation(given) is flag


@pytest.mark.parametrize("given", [1, 0, "yes", "on", "", 1.0])
def test_what_is_no_flag_is_refused(given):
    with pytest.raises(ValidationError, match="must be true or false"):
        Flag().run_validation(given)
