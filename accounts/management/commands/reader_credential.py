"""``manage.py reader_credential``: let a program elsewhere read topics that accounts may not."""

import re
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import principals
from accounts.models import KafkaCredential
from accounts.service_command import ServiceCommand, find, known, topics_of
from broker.errors import TransientError
from broker.kafka_rights import Acl
from broker.kafka_topics import topic_names
from broker.migrate import require_migrated

PREFIX = "reader-"
NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")


class Command(ServiceCommand):
    """Make, change or take the login of a program that reads topics."""

    help = (
        "Let a program elsewhere read topics that no account may, such as the filters'."
        " Its password is shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name, the topics, and what shall be done."""
        parser.add_argument("name", help="of the reader, a-z 0-9 -; it logs in as reader-NAME")
        parser.add_argument(
            "--topic",
            action="append",
            default=[],
            metavar="TOPIC",
            help="that it may read; give it once for each. With --rotate: instead of those it had",
        )
        self.add_acts(parser)

    def handle(self, *_: Any, name: str, **asked: Any) -> None:
        """Do it, and wait until Kafka has confirmed.

        Raises
        ------
        CommandError
            If the name or a topic is wrong, or Kafka does not confirm in time.
        """
        require_migrated()
        if not NAME.fullmatch(name):
            raise CommandError(f"{name!r} is no name of a reader: {NAME.pattern}")
        principal = f"{PREFIX}{name}"
        if asked["revoke"]:
            self.take(principal)
            return
        row = find(principal)
        topics = asked["topic"] or (_topics_of(row) if row and asked["rotate"] else [])
        _check(name, row, topics, is_rotated=asked["rotate"])
        self.give(principal, _rights(principal, topics))


def _check(name: str, row: KafkaCredential | None, topics: list[str], *, is_rotated: bool) -> None:
    if row is not None and not is_rotated:
        raise CommandError(
            f"{row.principal} is there and reads {', '.join(_topics_of(row))}: --rotate draws"
            " another password (with --topic: and changes what it reads), --revoke ends it"
        )
    if row is None and is_rotated:
        raise CommandError(f"there is no {PREFIX}{name}; there are: {known()}")
    if not topics:
        raise CommandError("which topic shall it read? Say --topic TOPIC")
    try:
        there = topic_names()
    except TransientError as error:
        raise CommandError(f"Kafka does not say which topics there are: {error}") from error
    for topic in topics:
        if topic not in there:
            near = get_close_matches(topic, sorted(there), n=1, cutoff=0)
            raise CommandError(f"there is no topic {topic}; the nearest name is {', '.join(near)}")


def _rights(principal: str, topics: list[str]) -> list[Acl]:
    """Return what a reader may do: literal topics, and the groups of its own name."""
    read = [
        Acl(principal, "topic", topic, is_prefix=False, operations=("READ", "DESCRIBE"))
        for topic in dict.fromkeys(topics)
    ]
    return [*read, Acl(principal, "group", f"{principal}-", is_prefix=True, operations=("READ",))]


def _topics_of(row: KafkaCredential) -> list[str]:
    return topics_of(principals.acls(row.principal, row.group_prefix, row.rights or ()))
