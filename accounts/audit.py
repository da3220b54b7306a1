"""The audit trail: who did what to whom, when and why."""

from accounts.models import AuditEntry


def record(actor: str, action: str, target: str, why: str = "") -> None:
    """Write one entry in the caller's transaction, so that it stands if and only if the act does.

    Parameters
    ----------
    actor : str
        ``staff:<name>``, ``account:<uuid>`` or ``nightjar``.
    action : str
        A verb: activate, suspend, rotate …
    target : str
        ``account:<uuid>``, ``credential:<uuid>`` or ``token:<uuid>``.
    why : str
        In the actor's own words.
    """
    AuditEntry.objects.create(actor=actor, action=action, target=target, why=why)
