"""Why does my consumer hear nothing? What the server can see of it, each answer with a name.

The server sees the row of the credential, the broker's view of the consumer group, and what a login
of its own becomes. It cannot see what happens between a home and the broker: those answers (name,
port, TLS, mechanism) come from the script that a person runs there. What a group says stands in
``connection_groups``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from accounts.models import KafkaCredential
from broker.kafka_probe import ProbeOutcome
from broker.kafka_rights import PUBLIC_PREFIX
from broker.kafka_types import OLDEST_LIBRDKAFKA

Tone = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Answer:
    """One named result.

    Attributes
    ----------
    name : str
        ``PASSWORD``, ``NOT_ACTIVE``, ``REVOKED``, ``TOPIC``, ``GROUP``, ``SHARED``, ``QUIET``,
        ``BEHIND``, ``OK``, ``CASE``, ``WAITING``, ``UNREACHABLE``, ``STUCK``, ``WATCHED``,
        ``REBALANCING``, ``UNCOMMITTED`` or ``BUSY``.
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


def of_username(row: KafkaCredential, username: str, others: Sequence[str]) -> Answer | None:
    """Return what is wrong with a user name as somebody typed it; None if it is the credential's.

    Parameters
    ----------
    row : KafkaCredential
        Of the consumer.
    username : str
        As typed.
    others : sequence of str
        User names of all credentials of the account.
    """
    typed = username.strip()
    if typed == row.principal:
        return None
    if typed.lower() == row.principal:
        return Answer(
            "CASE",
            "bad",
            "The user name is written with other letters",
            f"Kafka knows you as {row.principal}, all in lower case. Write it exactly so.",
        )
    if typed in others:
        return Answer(
            "PASSWORD",
            "bad",
            "This is the user name of another credential of yours",
            f"It does not go with the password of {row.name}. Choose the credential that your "
            f"consumer uses, or give it the user name {row.principal}.",
        )
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
    nearest = get_close_matches(topic, _of_family(topic, known) or known, n=1, cutoff=0)
    near = f" The nearest name is {nearest[0]}." if nearest else ""
    if not topic.startswith(PUBLIC_PREFIX):
        text = f"Only topics that begin with {PUBLIC_PREFIX} can be read.{near}"
        return Answer("TOPIC", "bad", f"{topic} is not public", text)
    text = f"A consumer of it waits for ever, without an error.{near}"
    return Answer("TOPIC", "bad", f"There is no topic {topic}", text)


def _of_family(topic: str, known: Sequence[str]) -> list[str]:
    """Return the names that share a topic's first two words, ``babamul.ztf`` for example."""
    family = topic.split(".")[:2]
    return [name for name in known if name.split(".")[:2] == family]


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
        text = f"First look for a character too many or too few. {_to_rotate(row)}"
        return of_row(row) or Answer("PASSWORD", "bad", "The password is wrong", text)
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


def _to_rotate(row: KafkaCredential) -> str:
    if row.kind == "email":
        return "Its password is your account's. If you do not have it any more, reset it."
    return "Rotate it in your profile: the new password is shown once."
