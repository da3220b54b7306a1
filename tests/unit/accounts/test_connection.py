"""Each way of hearing nothing has a name, and a text that says what to do."""

import dataclasses
import time
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string

from accounts import connection, connection_groups
from accounts.models import KafkaCredential
from accounts.web import check_pages
from broker.config import config
from broker.kafka_groups import Group, Member
from broker.kafka_probe import ProbeOutcome

PLACE, OTHER = ("babamul.none", 0), ("babamul.none", 1)
GROUP = "babamul-1f-laptop"
TOPICS = ["babamul.none", "babamul.ztf-test", "babamul.ztf.no-lsst-match.stellar"]


def credential(kind="named", state="active"):
    prefix = "babamul-1f" if kind == "named" else "babamul-"
    return KafkaCredential(kind=kind, state=state, principal="babamul-1f", group_prefix=prefix)


def group(*hosts, committed=100, low=0, end=100, fresh=0, newest_s=None):
    members = tuple(Member(f"c{at}", host, (PLACE,)) for at, host in enumerate(hosts))
    newest_ms = None if newest_s is None else int((time.time() - newest_s) * 1000)
    seen = ({PLACE: committed}, {PLACE: end}, {PLACE: low}, {PLACE: fresh}, newest_ms)
    return Group(GROUP, "STABLE", members, *seen)


def named(row, found, moved_s=None):
    return connection_groups.of_group(row, GROUP, found, moved_s).name


@pytest.mark.parametrize(
    ("kind", "found", "moved_s", "name"),
    [
        ("named", None, None, "WAITING"),
        ("named", group(), None, "WAITING"),
        ("named", group("h1"), None, "QUIET"),
        ("named", group("h1", committed=40), None, "WATCHED"),
        ("named", group("h1", committed=40), 12.0, "OK"),
        ("named", group("h1", committed=40), 61.0, "STUCK"),
        ("named", group("h1", committed=40, fresh=60), 1.0, "BEHIND"),
        ("named", group("h1", committed=40, low=50), 1.0, "BEHIND"),
        ("named", group("h1", "h2"), None, "QUIET"),
        ("email", group("h1", "h2"), 1.0, "SHARED"),
        ("email", group("h1", "h1"), 1.0, "OK"),
    ],
)
def test_a_group_is_named(kind, found, moved_s, name):
    assert named(credential(kind), found, moved_s) == name


@pytest.mark.parametrize("state", ["PREPARING_REBALANCING", "COMPLETING_REBALANCING"])
def test_a_group_that_waits_for_one_that_was_killed_says_so(state):
    waits = dataclasses.replace(group("h1"), state=state)

    assert named(credential(), waits) == "REBALANCING"


@pytest.mark.parametrize(
    ("committed", "given", "end", "name"),
    [
        ({}, [PLACE], 100, "UNCOMMITTED"),
        ({}, [], 0, "UNCOMMITTED"),
        ({PLACE: 100}, [PLACE, OTHER], 100, "UNCOMMITTED"),
        ({PLACE: 100}, [PLACE, OTHER], 0, "QUIET"),
        ({PLACE: 100}, [PLACE], 100, "QUIET"),
    ],
)
def test_what_was_never_committed_is_not_said_to_be_read(committed, given, end, name):
    ends, low = {PLACE: 100, OTHER: end}, {PLACE: 0, OTHER: 0}
    member = Member("c", "h1", tuple(given))
    found = Group(GROUP, "STABLE", (member,), committed, ends, low, dict(low), None)

    assert named(credential(), found) == name


def test_a_group_is_watched_for_a_while_before_it_is_said_to_stand(monkeypatch):
    now_s, kept = [1000.0], {}
    memory = SimpleNamespace(get=kept.get, set=lambda key, value, _: kept.update({key: value}))
    monkeypatch.setattr(check_pages, "cache", memory)
    monkeypatch.setattr(check_pages, "time", SimpleNamespace(time=lambda: now_s[0]))

    def seen(after_s, committed, end=100):
        now_s[0] += after_s
        return check_pages._moved_s(group("h1", committed=committed, end=end))

    assert seen(0, 40) is None
    assert seen(60, 40) is None
    assert seen(1, 40) == 61
    assert seen(5, 41) == 0
    assert seen(20, 41) == 20
    assert seen(90, 100) == 0, "it has read everything"
    assert seen(300, 100) is None, "nothing waited for it: it may rest"
    assert seen(300, 100, end=101) is None, "what waits now has just come"
    assert seen(61, 100, end=101) == 61


def test_who_waits_is_told_for_which_group():
    assert GROUP in connection_groups.of_group(credential(), GROUP, None, None).text


def test_what_was_lost_is_worse_than_what_will_be():
    lost = connection_groups.of_group(credential(), GROUP, group("h1", committed=40, low=50), 1.0)
    soon = connection_groups.of_group(credential(), GROUP, group("h1", committed=40, fresh=60), 1.0)

    assert (lost.tone, soon.tone) == ("bad", "warn")
    assert "10 messages expired" in lost.text
    assert "20 more expire within a day" in soon.text


@pytest.mark.parametrize(
    ("ago_s", "words"), [(12, "12 s ago"), (300, "5 minutes ago"), (30_000, "8 hours ago")]
)
def test_a_quiet_consumer_is_told_when_the_last_message_came(ago_s, words):
    found = connection_groups.of_group(credential(), GROUP, group("h1", newest_s=ago_s), None)

    assert words in found.text


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("active", None),
        ("wanted", "NOT_ACTIVE"),
        ("granting", "NOT_ACTIVE"),
        ("suspended", "NOT_ACTIVE"),
        ("needs_rotation", "NOT_ACTIVE"),
        ("revoking", "REVOKED"),
        ("revoked", "REVOKED"),
    ],
)
def test_a_row_is_named(state, name):
    found = connection.of_row(credential(state=state))

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (ProbeOutcome.READ, "OK"),
        (ProbeOutcome.SILENT, "OK"),
        (ProbeOutcome.REFUSED, "PASSWORD"),
        (ProbeOutcome.NO_TOPIC, "TOPIC"),
        (ProbeOutcome.NO_GROUP, "GROUP"),
        (ProbeOutcome.ABSENT, "TOPIC"),
        (ProbeOutcome.UNREACHABLE, "UNREACHABLE"),
    ],
)
def test_a_login_on_trial_is_named(outcome, name):
    assert connection.of_probe(credential(), outcome).name == name


@pytest.mark.parametrize("topic", ["babamul.none", "^babamul\\.ztf\\..*"])
def test_a_topic_or_a_pattern_that_can_be_read_is_fine(topic):
    assert connection.of_topic(topic, TOPICS) is None


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("babamul.ztf.lsst-match.stelar", "babamul.ztf.no-lsst-match.stellar"),
        ("babamul.non", "babamul.none"),
        ("babamul.ztf.nope", "babamul.ztf."),
        ("ztf_20260801_programid1", "begin with babamul."),
    ],
)
def test_a_topic_that_cannot_be_read_is_told_with_the_nearest_one(topic, words):
    found = connection.of_topic(topic, TOPICS)

    assert found.name == "TOPIC"
    assert words in found.text


def test_without_any_topic_there_is_no_nearest():
    assert connection.of_topic("babamul.none", []).name == "TOPIC"


def test_every_answer_says_what_to_do():
    answers = [connection.of_probe(credential(), outcome) for outcome in ProbeOutcome]

    assert all(all(dataclasses.astuple(answer)) for answer in answers)


def test_no_group_is_promised_to_be_private():
    """E-mail logins may join any group that begins with babamul-, once they know its name."""
    shared = connection_groups.of_group(credential("email"), GROUP, group("h1", "h2"), 1.0)
    guide = render_to_string("pipeline/guide.html", {"accounts": config().accounts})

    for text in (shared.text, guide):
        assert "yours alone" not in text
        assert "guesses the name of one" in text


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("babamul-1f", None),
        (" babamul-1f ", None),
        ("BABAMUL-1F", "CASE"),
        ("babamul-2e", "PASSWORD"),
        ("ada@example.org", "PASSWORD"),
        ("babamul-somebody", "PASSWORD"),
    ],
)
def test_a_user_name_is_that_of_the_credential_and_of_no_other(typed, name):
    others = ["babamul-1f", "babamul-2e", "ada@example.org"]

    found = connection.of_username(credential(), typed, others)

    assert (found.name if found else None) == name


def test_another_credential_of_ones_own_is_told_as_such():
    found = connection.of_username(credential(), "babamul-2e", ["babamul-1f", "babamul-2e"])

    assert "another credential of yours" in found.title
    assert "babamul-1f" in found.text
