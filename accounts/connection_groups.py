"""What the broker's view of a consumer group says, each answer with a name."""

import time

from accounts.connection import Answer
from accounts.models import KafkaCredential
from broker.config import config
from broker.kafka_groups import Group
from broker.kafka_rights import GROUP_PREFIX

MOVED_WITHIN_S = 60.0
"""A consumer that has committed something within this time [s] is well."""
DAY_MS = 86_400_000
DEALING = ("PREPARING_REBALANCING", "COMPLETING_REBALANCING")
"""States of a group in which its consumers hear nothing."""


def of_group(row: KafkaCredential, name: str, group: Group | None, moved_s: float | None) -> Answer:
    """Return what the broker's view of a consumer group says.

    Parameters
    ----------
    row : KafkaCredential
        Whose group it is.
    name : str
        Of the group.
    group : Group or None
        None: it does not exist.
    moved_s : float or None
        For how long the group's position has not changed [s]; None: watched too short to say.
    """
    if group is None or not group.members:
        return _without_members(name, group)
    if group.name.startswith(GROUP_PREFIX) and row.kind == "email" and len(group.hosts) > 1:
        return Answer(
            "SHARED",
            "warn",
            f"Consumers on {len(group.hosts)} machines share this group",
            "Each receives a part of the messages only. If they are not all yours, somebody uses "
            f"the same group: choose a name that nobody else has, {row.group_prefix}…, or use a "
            "named credential: only somebody who is told or guesses the name of one of its groups "
            "could join it, with an e-mail login.",
        )
    if group.lost or group.expiring:
        return _behind(group)
    if group.state in DEALING:
        return Answer(
            "REBALANCING",
            "warn",
            "Kafka is dealing out the partitions anew",
            "A consumer of this group has just come or gone. One that was killed is waited for, "
            "45 s as a rule; until then the others hear nothing.",
        )
    if moved_s is not None and moved_s <= MOVED_WITHIN_S:
        return Answer(
            "OK",
            "ok",
            "Your consumer reads",
            f"{_consumers(group)}, {group.lag:,} messages behind.",
        )
    return _with_lag(group, moved_s) if group.lag else _without_lag(group)


def kept_ms() -> int:
    """Return the age above which a message of the public topics expires within a day [ms]."""
    return max(config().babamul.retention_days - 1, 1) * DAY_MS


def _without_members(name: str, group: Group | None) -> Answer:
    if group is not None and group.committed:
        return Answer(
            "WAITING",
            "warn",
            "Your consumer was here, and is gone",
            f"{group.lag:,} messages wait for it. What it has read is remembered: it goes on from "
            "there.",
        )
    return Answer(
        "WAITING",
        "warn",
        "Waiting for your consumer",
        f"None has joined the group {name} yet. Start it now; this page looks again by itself.",
    )


def _with_lag(group: Group, moved_s: float | None) -> Answer:
    if moved_s is None:
        return Answer(
            "WATCHED",
            "ok",
            "Your consumer is connected",
            f"{group.lag:,} messages wait. Whether it moves shows within a minute, while this page "
            "looks again.",
        )
    return Answer(
        "STUCK",
        "warn",
        "Your consumer is connected and does not move",
        f"{group.lag:,} messages wait. It works on one for long, or it commits nothing: "
        "then they come again after the next start.",
    )


def _without_lag(group: Group) -> Answer:
    if _is_uncommitted(group):
        return Answer(
            "UNCOMMITTED",
            "warn",
            "Your consumer is connected and has not committed all that it was given",
            "Either it began at the end and nothing new has come, or it does not commit: how far "
            "it has read is unknown here then, and everything comes again after the next start.",
        )
    return Answer(
        "QUIET",
        "ok",
        "Your consumer is connected, and nothing new has come",
        f"It has read everything{_last_message(group)}. For something to read at any hour, "
        "subscribe to babamul.ztf-test or babamul.lsst-test: an alert every few seconds.",
    )


def _is_uncommitted(group: Group) -> bool:
    """Return whether messages lie in a partition of a member that the group never committed."""
    given = {place for member in group.members for place in member.partitions}
    return not group.committed or any(
        group.ends.get(place, 0) > group.beginnings.get(place, 0)
        for place in given - group.committed.keys()
    )


def _behind(group: Group) -> Answer:
    lost = f"{group.lost:,} messages expired before it read them. " if group.lost else ""
    soon = f"{group.expiring:,} more expire within a day. " if group.expiring else ""
    return Answer(
        "BEHIND",
        "bad" if group.lost else "warn",
        "Your consumer is too slow",
        f"{lost}{soon}Start more consumers in the same group, or do less with each message.",
    )


def _consumers(group: Group) -> str:
    count = len(group.members)
    return "One consumer" if count == 1 else f"{count} consumers"


def _last_message(group: Group) -> str:
    if group.newest_ms is None:
        return ""
    ago_s = max(time.time() - group.newest_ms / 1000, 0)
    for unit_s, unit in ((86_400, "days"), (3600, "hours"), (60, "minutes")):
        if ago_s >= 2 * unit_s:
            return f"; the last message came {ago_s // unit_s:.0f} {unit} ago"
    return f"; the last message came {ago_s:.0f} s ago"
