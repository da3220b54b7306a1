"""Pages of selected alerts, files and runs, and of Lasair's alerts and images."""

from django.contrib import admin

from pipeline.admin.bookkeeping import PlainAdmin
from pipeline.lasair.models import LasairAlert, StampRequest
from pipeline.selected.models import OutputFile, RetentionRun, SelectedAlert, SelectedRun, Selection

SELECTED = (Selection, SelectedAlert, SelectedRun, OutputFile, RetentionRun)

admin.site.register((*SELECTED, LasairAlert, StampRequest), PlainAdmin)
