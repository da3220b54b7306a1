"""What of people waits for somebody: lines of the admin's first page."""

from typing import Any

from django.db.models import Count

from accounts import safe_mode
from accounts.credentials import UNSETTLED
from accounts.models import BabamulUser, DriftReport, KafkaCredential, OutboxMail
from broker.admin_front import Line, counted, line_of


def lines(user: Any) -> list[Line]:
    """Return what this member of staff may see."""
    return [*_accounts(user), *_credentials(user), *_drift(user), *_mails(user)]


def _accounts(user: Any) -> list[Line]:
    found = _states(BabamulUser)
    told = counted(suspended=found.get("suspended", 0), being_deleted=found.get("deleting", 0))
    return line_of(user, BabamulUser, f"Accounts, {found.get('active', 0)} active", told)


def _credentials(user: Any) -> list[Line]:
    found = _states(KafkaCredential)
    told = counted(
        wait_for_Kafka=sum(found.get(state, 0) for state in UNSETTLED),
        wait_for_their_owners=found.get("needs_rotation", 0),
    )
    title = f"Kafka credentials, {found.get('active', 0)} active"
    return line_of(user, KafkaCredential, title, told)


def _drift(user: Any) -> list[Line]:
    latest = DriftReport.objects.order_by("-at").first()
    if safe := safe_mode.current():
        told = [f"safe mode {safe}: nothing is repaired until somebody ends it"]
    elif latest is None:
        told = ["never compared"]
    elif latest.error:
        told = [f"could not be compared: {latest.error}"]
    else:
        count = len(latest.lines)
        told = counted(**{"principal differs" if count == 1 else "principals differ": count})
    return line_of(user, DriftReport, "Drift from Kafka", told)


def _mails(user: Any) -> list[Line]:
    found = _states(OutboxMail)
    told = counted(waiting=found.get("waiting", 0), failed=found.get("failed", 0))
    return line_of(user, OutboxMail, "Mails", told)


def _states(model: Any) -> dict[str, int]:
    """Return how many rows of a table are in each state."""
    return dict(model.objects.order_by().values_list("state").annotate(Count("pk")))
