"""What the demo logs in with: an account, its two Kafka credentials, and a member of staff."""

import json
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.db.models.functions import Now

from accounts import credentials, passwords, settlement
from accounts.models import BabamulUser, KafkaCredential, StaffRecord
from accounts.principals import Reader, new_password
from broker.command import ProjectCommand
from broker.config import config, project_path

DEMO_EMAIL = "demo@nightjar.invalid"
DEMO_STAFF = "admin"
KINDS = ("email", "named")
SETTLED_WITHIN_S = 90.0
"""Longer than the lease of a run that was killed."""


class Command(ProjectCommand):
    """Make the demo's account and administrator; a second run grants the same passwords again."""

    help = (
        "Make the account demo@nightjar.invalid with two Kafka credentials, which read babamul.* "
        "only, and an administrator; print them as JSON. They are kept in a file that only its "
        "owner reads, and granted again at each run."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--slack-user", help="Slack member id whose clicks are the administrator's"
        )
        parser.add_argument("--file", help="where they are kept (default: demo.json in home)")

    def handle(self, **options: Any) -> str:
        file = Path(options["file"] or project_path(config().home) / "demo.json")
        kept = json.loads(file.read_text()) if file.exists() else {}
        known = {kind: new_password() for kind in KINDS} | kept.get("passwords", {})
        staff_password = kept.get("staff_password") or new_password()
        _keep(file, {"passwords": known, "staff_password": staff_password})
        try:
            rows = _want(known)
        except credentials.CredentialError as error:
            raise CommandError(f"{DEMO_EMAIL}: {error}") from None
        for row in rows:
            _settle(row)
        _make_staff(staff_password, options["slack_user"])
        made = {
            "email": DEMO_EMAIL,
            "readers": [
                vars(Reader(row.principal, known[row.kind], row.group_prefix)) for row in rows
            ],
            "staff": DEMO_STAFF,
            "staff_password": staff_password,
        }
        _keep(file, {"passwords": known, **made})
        return json.dumps(made)


@transaction.atomic
def _want(known: dict[str, str]) -> list[KafkaCredential]:
    """Ask for both credentials, each with the password that is kept."""
    user, _ = BabamulUser.objects.get_or_create(
        email=DEMO_EMAIL,
        defaults={"username": "demo", "state": "active", "activated_at": Now()},
    )
    if not passwords.matches(known["email"], user.password or None):
        user.password = passwords.hashed(known["email"])
        user.save(update_fields=["password"])
    named = user.credentials.filter(kind="named", name="demo").exclude(state="revoked").first()
    return [
        credentials.want(user, "email", "account", known["email"]),
        credentials.rotate(named, known["named"])
        if named
        else credentials.want(user, "named", "demo", known["named"]),
    ]


def _settle(row: KafkaCredential) -> None:
    try:
        settlement.settle_here(row, "active", SETTLED_WITHIN_S)
    except TimeoutError as error:
        raise CommandError(f"{error}; see: make doctor") from error


def _make_staff(password: str, slack_user_id: str | None) -> None:
    user, _ = User.objects.get_or_create(
        username=DEMO_STAFF, defaults={"is_staff": True, "is_superuser": True}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    if slack_user_id and not StaffRecord.objects.filter(slack_user_id=slack_user_id).exists():
        StaffRecord.objects.update_or_create(user=user, defaults={"slack_user_id": slack_user_id})


def _keep(file: Path, made: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(made))
