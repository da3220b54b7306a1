"""Why does my consumer hear nothing? What the server can see of it, each answer with a name.

The server sees the row of the credential, the broker's view of the consumer group, and what a login
of its own becomes. It cannot see what happens between a home and the broker: those answers (name,
port, TLS, mechanism) come from the script that a person runs there.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from accounts.models import BabamulUser, KafkaCredential
from broker.config import config
from broker.kafka_groups import Group
from broker.kafka_probe import ProbeOutcome
from broker.kafka_rights import GROUP_PREFIX, PUBLIC_PREFIX
from broker.kafka_types import OLDEST_LIBRDKAFKA

Tone = Literal["ok", "warn", "bad"]
MOVED_WITHIN_S = 60.0
"""A consumer that has committed something within this time [s] is well."""
DAY_MS = 86_400_000
DEALING = ("PREPARING_REBALANCING", "COMPLETING_REBALANCING")
"""States of a group in which its consumers hear nothing."""


@dataclass(frozen=True)
class Answer:
    """One named result.

    Attributes
    ----------
    name : str
        ``PASSWORD``, ``NOT_ACTIVE``, ``REVOKED``, ``TOPIC``, ``GROUP``, ``SHARED``, ``QUIET``,
        ``BEHIND``, ``OK``, ``CASE``, ``WAITING``, ``UNREACHABLE``, ``STUCK``, ``WATCHED``,
        ``REBALANCING`` or ``UNCOMMITTED``.
    tone : str
        ``ok``; ``warn``: look at it; ``bad``: nothing can be read like this.
    title : str
        What is the case.
    text : str
        What it means, and what to do.
    """

    name: str
    tone: Tone
    title: str
    text: str


def of_username(user: BabamulUser, username: str) -> Answer | None:
    """Return what is wrong with a user name as somebody typed it; None if nothing is."""
    typed = username.strip()
    if typed != user.email and typed.lower() == user.email:
        return Answer(
            "CASE",
            "bad",
            "The user name is written with other letters",
            f"Kafka knows you as {user.email}, all in lower case. Write it exactly so.",
        )
    if user.credentials.filter(principal=typed).exists():
        return None
    return Answer(
        "PASSWORD",
        "bad",
        "No credential of yours has this user name",
        "Kafka answers a wrong name and a wrong password alike. Copy the user name from your "
        "profile.",
    )


def of_row(row: KafkaCredential) -> Answer | None:
    """Return why a credential cannot be used now; None if it can."""
    if row.state in {"revoking", "revoked"}:
        return Answer(
            "REVOKED",
            "bad",
            "This credential was deleted",
            "It opens nothing any more. Make a new one in your profile.",
        )
    if row.state == "needs_rotation":
        return Answer("NOT_ACTIVE", "bad", "This credential needs a new password", _to_rotate(row))
    if row.state in {"suspending", "suspended"}:
        return Answer(
            "NOT_ACTIVE",
            "bad",
            "This credential is suspended",
            "The login works, but nothing may be read. Ask the operator.",
        )
    if row.state != "active":
        return Answer(
            "NOT_ACTIVE",
            "warn",
            "This credential is being granted",
            "That takes a few seconds; this page looks again.",
        )
    return None


def of_topic(topic: str, known: Sequence[str]) -> Answer | None:
    """Return what is wrong with a topic's name or pattern; None if it exists."""
    if topic in known or topic.startswith("^"):
        return None
    nearest = get_close_matches(topic, known, n=1, cutoff=0)
    near = f" The nearest name is {nearest[0]}." if nearest else ""
    if not topic.startswith(PUBLIC_PREFIX):
        text = f"Only topics that begin with {PUBLIC_PREFIX} can be read.{near}"
        return Answer("TOPIC", "bad", f"{topic} is not public", text)
    text = f"A consumer of it waits for ever, without an error.{near}"
    return Answer("TOPIC", "bad", f"There is no topic {topic}", text)


def of_group_name(row: KafkaCredential, group: str) -> Answer | None:
    """Return what is wrong with the name of a consumer group; None if the credential may use it."""
    if group.startswith(row.group_prefix):
        return None
    return Answer(
        "GROUP",
        "bad",
        f"This credential may not use the group {group}",
        f"Its groups begin with {row.group_prefix}: set group.id to {row.group_prefix}"
        f"{'' if row.group_prefix.endswith('-') else '-'}laptop, for example.",
    )


def of_probe(row: KafkaCredential, outcome: ProbeOutcome) -> Answer:
    """Return what a login of ours with the person's own password says."""
    if outcome.is_ready:
        heard = "a message was read" if outcome is ProbeOutcome.READ else "no message waits there"
        return Answer(
            "OK",
            "ok",
            "This user name and password work",
            f"We logged in from here with them, and {heard}. If your consumer is refused all the "
            f"same, its librdkafka is older than {OLDEST_LIBRDKAFKA} (see kcat -V or "
            "confluent_kafka.libversion()): take a newer one. If it hears nothing, the trouble "
            "lies between you and us: run the script below.",
        )
    if outcome is ProbeOutcome.REFUSED:
        return of_row(row) or Answer("PASSWORD", "bad", "The password is wrong", _to_rotate(row))
    if outcome is ProbeOutcome.NO_TOPIC:
        return Answer(
            "TOPIC",
            "bad",
            "The login works, but the topic may not be read",
            "We repair that by ourselves within five minutes. If it stays so, ask the operator.",
        )
    if outcome is ProbeOutcome.ABSENT:
        return Answer(
            "TOPIC",
            "bad",
            "The login works, but our test topic is not there",
            "It is not your fault: ask the operator.",
        )
    if outcome is ProbeOutcome.NO_GROUP:
        return Answer(
            "GROUP",
            "bad",
            "The login works, but the consumer group may not be used",
            f"Groups of this credential begin with {row.group_prefix}.",
        )
    return Answer(
        "UNREACHABLE",
        "warn",
        "The broker does not answer us either",
        "It is not your fault. See the status page, and try again in a minute.",
    )


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


def _to_rotate(row: KafkaCredential) -> str:
    if row.kind == "email":
        return "Its password is your account's. If you do not have it any more, reset it."
    return "Rotate it in your profile: the new password is shown once."


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
