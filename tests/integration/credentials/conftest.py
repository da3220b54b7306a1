"""Accounts with credentials on a real broker: wishes are settled here, by hand, not by a worker."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import Consumer
from django.db import transaction
from django.db.models.functions import Now

from accounts import credentials, reconcile, settlement
from accounts.models import BabamulUser, KafkaCredential
from accounts.principals import new_password
from broker import kafka_admin
from broker.config import config
from broker.kafka import Producer, own_connection
from broker.kafka_groups import group_names
from pipeline import bootstrap
from pipeline.alerts import steady
from tests import consumers, native

PATIENCE_S = 120.0


@dataclass
class Bell:
    """The rings that a worker would have heard, in their order."""

    rings: list[tuple[Any, ...]] = field(default_factory=list)

    def ring(self, task: str, queue: str, *arguments: Any) -> bool:
        assert queue == "accounts"
        self.rings.append((task, *arguments))
        return True

    def answer(self) -> None:
        """Work on everything that was rung for until it is done: a busy machine answers late."""
        give_up_at = time.monotonic() + PATIENCE_S
        self.answer_once()
        while time.monotonic() < give_up_at and _put_off().update(next_try_at=None):
            settlement.sweep()
            self.answer_once()

    def answer_once(self) -> None:
        """Try each thing that was rung for, once."""
        while self.rings:
            task, *arguments = self.rings.pop(0)
            if task == "accounts.settle":
                settlement.settle(*arguments)


def _put_off() -> Any:
    return KafkaCredential.objects.filter(
        state__in=credentials.UNSETTLED, next_try_at__isnull=False
    )


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Bell:
    """Hear the doorbell instead of a worker."""
    heard = Bell()
    monkeypatch.setattr(credentials, "enqueue", heard.ring)
    return heard


@pytest.fixture
def test_topics(kafka: native.Parts) -> native.Parts:
    """Make the public topics; each test topic has one alert."""
    kafka_admin.ensure_topics(bootstrap.output_topics(config()))
    kafka_admin.ensure_acls(bootstrap.service_acls(config()))
    now_s = time.time()
    messages = [steady.test_alert(survey, now_s) for survey in ("ztf", "lsst")]
    producer = Producer(own_connection())
    eventually(lambda: producer.send(messages) == [None, None])  # rights are seen a moment later
    return kafka


@pytest.fixture
def make_person(
    transactional_db: None, test_topics: native.Parts
) -> Iterator[Callable[[], BabamulUser]]:
    """Return a function that makes an active account; its principals are gone afterwards."""

    def make() -> BabamulUser:
        email = f"owl+{uuid.uuid4().hex[:8]}@example.org"
        return BabamulUser.objects.create(
            email=email, username="owl", password="!", state="active", activated_at=Now()
        )

    yield make
    for principal in KafkaCredential.objects.values_list("principal", flat=True):
        with suppress(ValueError):
            kafka_admin.revoke(principal)


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Let strangers that other tests made at the same broker be; return the principals of this one."""
    names: set[str] = set()
    is_persons = reconcile.is_persons
    monkeypatch.setattr(reconcile, "is_persons", lambda name: name in names and is_persons(name))
    monkeypatch.setattr(
        reconcile,
        "group_names",
        lambda prefix: [each for each in group_names(prefix) if each.removesuffix("-old") in names],
    )
    yield names
    for name in names:
        kafka_admin.revoke(name)


@pytest.fixture
def owl(make_person: Callable[[], BabamulUser]) -> BabamulUser:
    """An active account."""
    return make_person()


@dataclass(frozen=True)
class Login:
    """A credential with its password, as its owner has it."""

    row: KafkaCredential
    password: str

    def now(self) -> KafkaCredential:
        """Return the row as it is now."""
        return KafkaCredential.objects.get(pk=self.row.pk)

    def consumer(self, topic: str, group: str = "", **settings: Any) -> Consumer:
        """Return a consumer of a topic from its beginning."""
        group = group or f"{self.row.group_prefix}-{uuid.uuid4().hex[:8]}"
        servers = config().kafka.public_servers
        reading = consumers.consumer(self.row.principal, self.password, servers, group, **settings)
        reading.subscribe([topic])
        return reading

    def may_log_in(self, password: str = "") -> bool:
        """Return whether the broker takes the password, asked until it decides."""
        outcome = kafka_admin.try_login(
            self.row.principal, password or self.password, config().kafka.public_servers
        )
        assert outcome is not kafka_admin.LoginOutcome.UNREACHABLE
        return outcome is kafka_admin.LoginOutcome.ACCEPTED


def wanted(user: BabamulUser, kind: str = "named", name: str = "laptop") -> Login:
    """Ask for a credential; nobody has settled it yet."""
    password = new_password()
    with transaction.atomic():
        return Login(credentials.want(user, kind, name, password), password)


def granted(bell: Bell, user: BabamulUser, kind: str = "named", name: str = "laptop") -> Login:
    """Ask for a credential and settle it."""
    login = wanted(user, kind, name)
    bell.answer()
    assert login.now().state == "active", login.now().last_error
    return Login(login.now(), login.password)


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until something is so: changes reach the broker's listeners a moment later."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < give_up_at, "it never came to be so"
        time.sleep(0.1)
