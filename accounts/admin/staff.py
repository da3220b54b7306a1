"""Staff's own users: Django's page, and who each of them is in Slack."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User

from accounts.models import StaffRecord

if TYPE_CHECKING:  # Django's own classes cannot be subscripted when the code runs
    _Inline = admin.StackedInline[StaffRecord, User]
    _UserAdmin = UserAdmin[User]
else:
    _Inline = admin.StackedInline
    _UserAdmin = UserAdmin


class StaffRecordInline(_Inline):
    """The record of one user."""

    model = StaffRecord
    can_delete = True
    verbose_name_plural = "Slack"


admin.site.unregister(User)


@admin.register(User)
class StaffAdmin(_UserAdmin):
    """A member of staff."""

    inlines = (StaffRecordInline,)
