"""F15: rights and secrets at the broker drift away from what the registry and the files say.

Of the pipeline, the feed, and the demo's two readers. What people's own credentials lose is found and
mended by ``accounts.reconcile``, which is tried without load in
``tests/integration/credentials/test_drift.py`` and ``test_killed.py``. While alerts flow, rights are taken, given and denied behind
our back, and a reader's secret is deleted or replaced. One run of ``manage.py create_topics
--exact`` and of ``manage.py demo_credentials`` brings every right and secret back, also after a run
that was killed between its two steps, and the alerts that waited are published once.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from broker.config import ROOT, config
from broker.kafka_admin import SCRAM_ITERATIONS
from broker.kafka_connection import ANSWER_S, admin_client
from broker.kafka_login import LoginOutcome, try_login
from tests.drill.record import Fault
from tests.drill.stage import Stage
from tests.environment import inherited

DRIFTED_S = 5.0
ANY_ACL = (ResourceType.ANY, None, ResourcePatternType.ANY)
OURS = ("pipeline", "feed")
KILLED_AT = {
    "before it granted anything": "create_acls",
    "between granting and taking": "delete_acls",
}
_DIE_AT = """
import os, sys
from confluent_kafka.admin import AdminClient
setattr(AdminClient, sys.argv.pop(1), lambda *_, **__: os.kill(os.getpid(), 9))
sys.argv[0] = "manage.py"
from broker import command_line
command_line.main()
"""

Rights = frozenset[tuple[str, ...]]


def run(stage: Stage) -> None:
    """Let rights drift, kill who mends them, lose secrets; each time one run must mend all."""
    _ = stage.servers  # rights are everybody's
    _converge(stage)
    _drift(stage, "rights taken, given and denied")
    _lose_secret(stage, "a reader's secret replaced", _replace_secret)
    if stage.is_short:
        return
    for where, step in KILLED_AT.items():
        _drift(stage, f"a run killed {where}", killed_at=step)
    _lose_secret(stage, "a reader's secret deleted", _delete_secret)


@dataclass(frozen=True)
class _Login:
    """A reader as the demo's file keeps it."""

    username: str
    password: str


def _converge(stage: Stage) -> list[_Login]:
    """Run what an operator runs; return the demo's readers."""
    stage.system.manage("create_topics", "--exact")
    made = stage.system.manage("demo_credentials", "--file", str(stage.ground.folder / "demo.json"))
    readers = json.loads(made.splitlines()[-1])["readers"]
    return [_Login(reader["username"], reader["password"]) for reader in readers]


def _drift(stage: Stage, name: str, killed_at: str = "") -> None:
    with stage.case(name) as case:
        readers = _converge(stage)
        principals = (*OURS, *(reader.username for reader in readers))
        before = _rights(principals)
        with case.fault():
            _spoil_rights(principals)
            stage.crew.wait(lambda: _rights(principals) != before, "a drift")
            time.sleep(DRIFTED_S)
            if killed_at:
                _run_killed(stage, killed_at)
                assert _rights(principals) != before, "it was not killed in time"
            _converge(stage)
        stage.crew.wait(lambda: _rights(principals) == before, "every right as it was")


def _lose_secret(stage: Stage, name: str, lose: Callable[[_Login], None]) -> None:
    with stage.case(name) as case:
        reader = _converge(stage)[0]
        with case.fault():
            lose(reader)
            stage.crew.wait(lambda: _login(reader) is LoginOutcome.REFUSED, "a refusal")
            _converge(stage)
        stage.crew.wait(lambda: _login(reader) is LoginOutcome.ACCEPTED, "a login")


def _login(reader: _Login) -> LoginOutcome:
    return try_login(reader.username, reader.password, config().kafka.public_servers)


def _spoil_rights(principals: tuple[str, ...]) -> None:
    """Take everything from the pipeline and the readers; give and deny what nobody asked for."""
    pipeline, feed, *readers = principals
    admin = admin_client()  # what it was asked dies with it
    gone = [_all_of(principal) for principal in (pipeline, *readers)]
    for answer in admin.delete_acls(gone).values():
        answer.result(ANSWER_S)
    new = [
        _binding(pipeline, "secrets", AclOperation.READ, AclPermissionType.ALLOW),
        _binding(pipeline, "babamul.none", AclOperation.WRITE, AclPermissionType.DENY),
        _binding(feed, "babamul.none", AclOperation.WRITE, AclPermissionType.ALLOW),
        *(
            _binding(one, "ztf_20260801", AclOperation.READ, AclPermissionType.ALLOW)
            for one in readers
        ),
    ]
    for answer in admin.create_acls(new).values():
        answer.result(ANSWER_S)


def _delete_secret(reader: _Login) -> None:
    deletion = UserScramCredentialDeletion(reader.username, ScramMechanism.SCRAM_SHA_512)
    admin = admin_client()  # what it was asked dies with it
    admin.alter_user_scram_credentials([deletion])[reader.username].result(ANSWER_S)


def _replace_secret(reader: _Login) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
    upsertion = UserScramCredentialUpsertion(reader.username, info, b"somebody else's")
    admin = admin_client()  # what it was asked dies with it
    admin.alter_user_scram_credentials([upsertion])[reader.username].result(ANSWER_S)


def _run_killed(stage: Stage, step: str) -> None:
    """Run ``create_topics --exact`` and kill it with -9 at its call of ``step``."""
    done = subprocess.run(
        [sys.executable, "-c", _DIE_AT, step, "create_topics", "--exact"],
        cwd=ROOT,
        env=inherited(stage.system.environment),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -9, done.stderr.decode()[-500:]


def _rights(principals: tuple[str, ...]) -> Rights:
    admin = admin_client()  # what it was asked dies with it
    return frozenset(
        (
            *(one.principal, one.host, one.operation.name, one.permission_type.name),
            *(one.restype.name, one.name, one.resource_pattern_type.name),
        )
        for principal in principals
        for one in admin.describe_acls(_all_of(principal)).result(ANSWER_S)
    )


def _all_of(principal: str) -> AclBindingFilter:
    return AclBindingFilter(
        *ANY_ACL, f"User:{principal}", None, AclOperation.ANY, AclPermissionType.ANY
    )


def _binding(
    principal: str, topic: str, operation: AclOperation, permission: AclPermissionType
) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        f"User:{principal}",
        "*",
        operation,
        permission,
    )


FAULT = Fault("F15", "rights and secrets drift (pipeline, feed, demo readers)", run, is_short=False)
