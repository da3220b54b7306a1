"""What each role of staff may do; a role is one of Django's groups.

The groups are brought to this table after each ``migrate``, when every permission exists. Further
permissions that an operator gave a group are left alone.
"""

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from broker.access import COMMAND_TELESCOPES, ROLES

EVERY_APP = ("accounts", "pipeline", "auth", "admin")
LOOK_AT_STREAMS = Q(content_type__app_label="pipeline", codename__startswith="view_")
OPERATE_STREAMS = Q(content_type__app_label="pipeline", codename__startswith="operate_")
TELESCOPES = Q(content_type__app_label="pipeline", codename=COMMAND_TELESCOPES.partition(".")[2])
FOLLOW_UP = Q(content_type__app_label="pipeline", codename__startswith="follow_up_")
LOOK_AT_PEOPLE = Q(content_type__app_label="accounts", codename__startswith="view_")
GOVERN_PEOPLE = Q(content_type__app_label="accounts", codename__startswith="govern_")
STAFF = (
    Q(content_type__app_label="auth")
    | Q(content_type__app_label="accounts", content_type__model__in=("staffrecord", "stafftoken"))
    | Q(content_type__app_label="admin", codename="view_logentry")
)
PERMISSIONS = {
    "admin": (
        LOOK_AT_STREAMS
        | OPERATE_STREAMS
        | TELESCOPES
        | FOLLOW_UP
        | LOOK_AT_PEOPLE
        | GOVERN_PEOPLE
        | STAFF
    ),
    "operator": LOOK_AT_STREAMS | OPERATE_STREAMS | TELESCOPES | LOOK_AT_PEOPLE,
    "shifter": LOOK_AT_STREAMS | FOLLOW_UP,
    "data_manager": LOOK_AT_STREAMS | OPERATE_STREAMS,
}
"""Permissions of each role of ``broker.access.ROLES``."""


def ensure_roles(sender: AppConfig, using: str = "default", **_: Any) -> None:  # noqa: ARG001 a signal's form
    """Make the groups of all roles and give each its permissions."""
    for label in EVERY_APP:
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    for role in ROLES:
        group, _made = Group.objects.using(using).get_or_create(name=role)
        group.permissions.add(*Permission.objects.using(using).filter(PERMISSIONS[role]))
