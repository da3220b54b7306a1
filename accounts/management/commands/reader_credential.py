"""``manage.py reader_credential``: let a program elsewhere read topics that accounts may not."""

import re
from argparse import ArgumentParser
from difflib import get_close_matches
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction

from accounts import audit, credentials, settlement
from accounts.models import KafkaCredential
from accounts.principals import new_password
from broker.command import ProjectCommand
from broker.config import config
from broker.errors import TransientError
from broker.kafka_rights import Acl
from broker.kafka_topics import topic_names
from broker.migrate import require_migrated

PREFIX = "reader-"
NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")
SETTLED_WITHIN_S = 60.0


class Command(ProjectCommand):
    """Make, change or take the login of a program that reads topics."""

    help = (
        "Let a program elsewhere read topics that no account may, such as the filters'."
        " Its password is shown once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name, the topics, and what shall be done."""
        parser.add_argument("name", help="of the reader, a-z 0-9 -; it logs in as reader-NAME")
        parser.add_argument(
            "--topic",
            action="append",
            default=[],
            metavar="TOPIC",
            help="that it may read; give it once for each. With --rotate: instead of those it had",
        )
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--rotate", action="store_true", help="draw another password")
        acts.add_argument("--revoke", action="store_true", help="end the login at once")

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
        row = KafkaCredential.objects.filter(principal=principal).exclude(state="revoked").first()
        if asked["revoke"]:
            self._revoke(principal, row)
            return
        topics = asked["topic"] or (_topics_of(row) if row and asked["rotate"] else [])
        _check(name, row, topics, is_rotated=asked["rotate"])
        self._grant(principal, topics)

    def _grant(self, principal: str, topics: list[str]) -> None:
        password = new_password()
        rights = _rights(principal, topics)
        with transaction.atomic():
            row = _wanted(principal, rights, password)
            audit.record("command", "grant", f"credential:{row.pk}", " ".join(topics))
        _settle(row, "active")
        public = config().kafka
        self.stdout.write(
            f"bootstrap.servers={public.public_servers}\n"
            f"security.protocol={public.public_protocol}\n"
            "sasl.mechanism=SCRAM-SHA-512\n"
            f"sasl.username={principal}\n"
            f"sasl.password={password}\n"
            f"group.id={principal}-1"
        )
        self.stderr.write(
            f"{principal} may read {', '.join(topics)} in consumer groups that begin with"
            f" {principal}-. The password is kept nowhere else."
        )

    def _revoke(self, principal: str, row: KafkaCredential | None) -> None:
        if row is None:
            raise CommandError(f"there is no {principal}; there are: {_known()}")
        with transaction.atomic():
            row = credentials.revoke(row)
            audit.record("command", "revoke", f"credential:{row.pk}")
        _settle(row, "revoked")
        self.stderr.write(
            f"{principal} is gone; whoever reads with it is stopped by its next fetch"
        )


def _check(name: str, row: KafkaCredential | None, topics: list[str], *, is_rotated: bool) -> None:
    if row is not None and not is_rotated:
        raise CommandError(
            f"{row.principal} is there and reads {', '.join(_topics_of(row))}: --rotate draws"
            " another password (with --topic: and changes what it reads), --revoke ends it"
        )
    if row is None and is_rotated:
        raise CommandError(f"there is no {PREFIX}{name}; there are: {_known()}")
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


def _wanted(principal: str, rights: list[Acl], password: str) -> KafkaCredential:
    try:
        return credentials.want_service(principal, f"{principal}-", rights, password)
    except credentials.CredentialError as error:
        raise CommandError(f"{principal}: {error}") from error


def _topics_of(row: KafkaCredential) -> list[str]:
    return [name for resource, name, *_ in row.rights or () if resource == "topic"]


def _known() -> str:
    rows = KafkaCredential.objects.filter(kind="service").exclude(state="revoked")
    return ", ".join(rows.order_by("principal").values_list("principal", flat=True)) or "none"


def _settle(row: KafkaCredential, state: str) -> None:
    try:
        settlement.settle_here(row, state, SETTLED_WITHIN_S)
    except TimeoutError as error:
        raise CommandError(
            f"{error}; the worker of the queue accounts goes on with it, --rotate begins anew"
        ) from error
