"""Pages of the telescope bus's tables."""

from django.contrib import admin

from pipeline.admin.bookkeeping import PlainAdmin
from pipeline.telescope import models

admin.site.register(
    (
        models.TelescopeCommand,
        models.TelescopeAcknowledgment,
        models.TelescopeStatus,
        models.TelescopeLatestStatus,
        models.TelescopeSwitch,
        models.TelescopeEvent,
        models.TelescopeSchema,
    ),
    PlainAdmin,
)
