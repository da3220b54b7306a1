"""What an account may make, see, start and stop."""

import pytest

from accounts import deletion, filters, governing, people
from accounts.filter_models import UserFilter
from accounts.models import AuditEntry
from broker.config import config
from broker.filter_book import book
from broker.refusals import ApiError
from tests.integration.accounts_filters.conftest import new_account

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def limit(monkeypatch, **limits):
    for name, value in limits.items():
        monkeypatch.setenv(f"NIGHTJAR_USER_FILTERS__{name.upper()}", str(value))
    config.cache_clear()


def test_a_filter_has_all_its_versions_the_newest_first(vera, make):
    make()
    filters.add_version(vera, "bright", "magpsf < 18")
    filters.add_version(vera, "bright", "magpsf < 18")  # the same once more is no new one

    found = filters.find(vera, "bright")

    assert [(v.number, v.expression) for v in found.versions] == [
        (2, "magpsf < 18"),
        (1, "magpsf < 19"),
    ]
    assert (found.wish, found.topic, found.topic_state) == (
        "draft",
        "babamul.filter.bright",
        "none",
    )


@pytest.mark.parametrize(
    "name", ["ab", "a" * 41, "Bright", "1bright", "a.b", "a_b", "é-bright", ""]
)
def test_a_name_that_can_be_no_topics_is_refused(make, name):
    with pytest.raises(ApiError, match="3 to 40"):
        make(name)


def test_a_name_is_nobody_elses_ever(vera, eve, make):
    make()
    with pytest.raises(ApiError, match="is taken"):
        make(account=eve)
    filters.delete(vera, "bright")
    for account in (vera, eve):
        with pytest.raises(ApiError, match="never used twice"):
            make(account=account)


def test_a_private_filter_of_somebody_else_is_not_there(vera, eve, make):
    make()
    acts = [
        lambda: filters.add_version(eve, "bright", "magpsf < 1"),
        lambda: filters.describe(eve, "bright", "", "none", is_public=True),
        lambda: filters.start(eve, "bright", 1),
        lambda: filters.stop(eve, "bright"),
        lambda: filters.delete(eve, "bright"),
    ]
    for act in acts:
        with pytest.raises(ApiError) as refused:
            act()
        assert refused.value.status_code == 404
    assert filters.find(eve, "bright") is None
    assert filters.find(None, "bright") is None
    assert filters.shared("", "") == []
    assert filters.find(vera, "bright").is_public is False


def test_a_public_one_is_seen_by_all_and_changed_by_its_owner_alone(vera, eve, make):
    make(is_public=True)

    assert filters.find(None, "bright").owner_name == "vera"
    assert [one.name for one in filters.shared("BRIGHT what", "ztf")] == ["bright"]
    assert filters.shared("faint", "") == filters.shared("", "lsst") == []
    with pytest.raises(ApiError, match="no filter of this name"):
        filters.stop(eve, "bright")


def test_what_is_started_waits_for_its_topic(vera, make, rings, django_capture_on_commit_callbacks):
    make()
    with django_capture_on_commit_callbacks(execute=True):
        started = filters.start(vera, "bright", 1)

    assert (started.wish, started.live_number, started.topic_state) == ("live", 1, "wanted")
    assert started.started_at is not None
    assert rings == [1]
    stopped = filters.stop(vera, "bright")
    assert (stopped.wish, stopped.topic_state) == ("stopped", "wanted")
    actions = AuditEntry.objects.filter(target=f"filter:{started.id}").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["create", "start", "stop"]


def test_a_version_that_is_not_there_cannot_start(vera, make):
    make()
    with pytest.raises(ApiError, match="no version 2"):
        filters.start(vera, "bright", 2)


def test_limits_say_what_to_do(vera, eve, make, monkeypatch):
    limit(monkeypatch, per_account=2, live_per_account=1, live=1)
    make("one")
    make("two")
    with pytest.raises(ApiError, match="delete one first"):
        make("three")
    filters.start(vera, "one", 1)
    filters.start(vera, "one", 1)  # once more is no second one
    with pytest.raises(ApiError, match="stop one first") as refused:
        filters.start(vera, "two", 1)
    assert refused.value.status_code == 409
    make("eves", account=eve)
    with pytest.raises(ApiError, match="places for live filters are taken"):
        filters.start(eve, "eves", 1)


def test_slack_is_offered_only_where_there_is_a_channel(vera, make, monkeypatch):
    make()
    with pytest.raises(ApiError, match="no Slack channel"):
        filters.describe(vera, "bright", "", "both", is_public=False)
    with pytest.raises(ApiError, match="must be one of"):
        filters.describe(vera, "bright", "", "fax", is_public=False)
    limit(monkeypatch, slack_channel="C0123")

    told = filters.describe(vera, "bright", " new words ", "both", is_public=True)

    assert (told.description, told.digest, told.is_public) == ("new words", "both", True)


def test_a_deleted_filter_keeps_nothing_but_its_name(vera, make):
    made = make()
    filters.start(vera, "bright", 1)
    filters.delete(vera, "bright")

    assert filters.own(vera) == []
    row = UserFilter.objects.get(pk=made.id)
    assert (row.wish, row.topic_state, row.description) == ("deleted", "removing", "")
    assert row.versions.count() == 0
    assert filters.by_id([made.id])[made.id].wish == "deleted"


def test_filters_of_an_account_that_is_suspended_stop(vera, make):
    make(is_public=True)
    filters.start(vera, "bright", 1)

    governing.suspend(vera, "staff:root", "too loud")

    assert UserFilter.objects.get().wish == "stopped"
    assert filters.shared("", "") == []
    assert filters.address(UserFilter.objects.get().pk) is None


def test_filters_of_an_account_that_leaves_go(vera, make):
    make()
    filters.start(vera, "bright", 1)

    people.delete(vera, f"account:{vera.pk}", "")
    deletion.finish(vera.pk)

    row = UserFilter.objects.get()
    assert (row.wish, row.topic_state, row.versions.count()) == ("deleted", "removing", 0)


def test_staff_stop_and_delete_with_a_reason(vera, make):
    made = make()
    filters.start(vera, "bright", 1)
    row = UserFilter.objects.get(pk=made.id)

    filters.stop_by_staff(row, "staff:root", "floods its topic")
    filters.delete_by_staff(row, "staff:root", "its owner asked")

    entries = AuditEntry.objects.filter(actor="staff:root").order_by("pk")
    assert [(e.action, e.why) for e in entries] == [
        ("stop", "floods its topic"),
        ("delete", "its owner asked"),
    ]


def test_the_book_that_is_lent_is_this_one(vera, make):
    make()

    assert book().find(vera, "bright").name == "bright"
    assert book().address(book().own(vera)[0].id) == vera.email


def test_an_inactive_account_makes_nothing(make, db):
    from accounts.sessions import OvertakenError

    with pytest.raises(OvertakenError):
        make(account=new_account(state="suspended"))


def test_the_demos_filters_are_understood_and_made_once(db, monkeypatch):
    from django.core.management import call_command

    from accounts.management.commands import demo_filters
    from pipeline.user_filters.check import checked

    demo = new_account("demo")
    demo.email = demo_filters.DEMO_EMAIL
    demo.save()
    monkeypatch.setattr(demo_filters.filter_topics, "settle", lambda: None)
    for _ in range(2):
        call_command("demo_filters")

    made = filters.shared("", "")
    assert {one.name for one in made} == set(demo_filters.FILTERS)
    assert {one.wish for one in made} == {"live"}
    for one in made:
        assert checked(one.newest.expression, one.survey)
