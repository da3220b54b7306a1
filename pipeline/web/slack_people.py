"""Who somebody in Slack is here: a Slack user id that stands in a staff user's record."""

from django.contrib.auth import get_user_model

from broker.access import has_role

SHIFTER = "shifter"


def role_of(slack_user_id: str) -> str | None:
    """Return ``shifter`` for staff who decide and plan, None for everybody else.

    Nobody listed means that nobody may.
    """
    user = (
        get_user_model()
        .objects.filter(staff_record__slack_user_id=slack_user_id, is_active=True, is_staff=True)
        .first()
    )
    return SHIFTER if user is not None and has_role(user, (SHIFTER,)) else None
