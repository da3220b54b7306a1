"""Django's own checks, which our commands leave out when they start."""

from importlib import import_module

from django.contrib import admin
from django.core.management import call_command


def test_the_project_passes_them_with_every_page_of_the_admin():
    import_module("broker.urls")  # discovers them

    assert len(admin.site._registry) > 20
    call_command("check", fail_level="WARNING")
