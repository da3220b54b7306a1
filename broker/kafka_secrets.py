"""Passwords of people at our own broker (SCRAM); asked as ``admin`` and never by the web process.

To list secrets without the right to do so ends the process (confluent-kafka 2.16): only workers of
the queue ``accounts`` do that, and each listing proves the right first.
"""

from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from broker.kafka_connection import ANSWER_S, REQUEST_S, admin_client, answer, raise_told
from broker.kafka_rights import prove_right_to_list

SCRAM_ITERATIONS = 8192


def set_secret(principal: str, password: str) -> None:
    """Let ``principal`` log in with ``password`` (ASCII), and with no other from now on."""
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
    upsertion = UserScramCredentialUpsertion(principal, info, password.encode("ascii"))
    admin = admin_client()  # kept in a name: what it was asked dies with it
    answer(_alter(admin, upsertion)[principal])


def take_secret(principal: str) -> None:
    """Take the password, which may be gone already; open sessions live until they log in again."""
    deletion = UserScramCredentialDeletion(principal, ScramMechanism.SCRAM_SHA_512)
    admin = admin_client()
    try:
        _alter(admin, deletion)[principal].result(ANSWER_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.RESOURCE_NOT_FOUND:  # gone already
            raise_told(error)


def listed_secrets() -> frozenset[str]:
    """Return every principal that has a password at Kafka.

    Raises
    ------
    PermissionError
        If ``admin`` may not ask.
    """
    prove_right_to_list()
    admin = admin_client()
    found = answer(admin.describe_user_scram_credentials(request_timeout=REQUEST_S))
    return frozenset(found)


def has_secret(principal: str) -> bool:
    """Return whether ``principal`` has a password at Kafka.

    Raises
    ------
    PermissionError
        If ``admin`` may not ask.
    """
    prove_right_to_list()
    admin = admin_client()
    future = admin.describe_user_scram_credentials([principal], request_timeout=REQUEST_S)
    try:
        future[principal].result(ANSWER_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.RESOURCE_NOT_FOUND:
            return False
        raise_told(error)
    return True


def _alter(
    admin: AdminClient, alteration: UserScramCredentialUpsertion | UserScramCredentialDeletion
) -> dict[str, Future[Any]]:
    """Send one alteration: a second one of a user in one request would be refused."""
    answers: dict[str, Future[Any]] = admin.alter_user_scram_credentials(
        [alteration], request_timeout=REQUEST_S
    )
    return answers
