"""Many starts at once: no limit is overstepped."""

import pytest

from accounts import filters
from accounts.filter_models import UserFilter
from broker.config import config
from broker.refusals import ApiError
from tests.integration.accounts.test_parallel import at_once

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def test_of_twenty_starts_at_once_as_many_succeed_as_may(vera, eve, make, monkeypatch):
    monkeypatch.setenv("NIGHTJAR_USER_FILTERS__LIVE", "5")
    monkeypatch.setenv("NIGHTJAR_USER_FILTERS__LIVE_PER_ACCOUNT", "4")
    config.cache_clear()
    owners = [vera if number % 2 else eve for number in range(20)]
    for number, owner in enumerate(owners):
        make(f"filter-{number}", account=owner)

    def start(number):
        try:
            return filters.start(owners[number], f"filter-{number}", 1).wish
        except ApiError as error:
            return error.status_code

    said = at_once(20, start)

    assert said.count("live") == 5
    assert said.count(409) == 15
    assert UserFilter.objects.filter(wish="live").count() == 5
    assert UserFilter.objects.filter(wish="live", owner=vera).count() <= 4
