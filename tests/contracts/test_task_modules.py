"""Each flow's tasks work without the other flows: one bad import stops no other worker."""

import subprocess
import sys

import pytest

from broker.task_modules import TASK_MODULES

CODE = """
import os, sys
os.environ.pop("DJANGO_SETTINGS_MODULE", None)  # workers have none
sys.modules[sys.argv[1]] = None  # whoever imports it gets an ImportError
from broker import task_modules
from broker.celery import app
import pipeline.management.commands.listen
app.loader.import_default_modules()
print(*sorted(task_modules.left_out))
"""
FLOWS = {
    "accounts": "accounts.",
    "broker.archive_tasks": "broker.archive_tasks",
    "pipeline.alerts.stranded": "pipeline.alerts.tasks",
    "pipeline.gw": "pipeline.gw",
}
"""A module that cannot be imported, and what the names of all that fail for it begin with."""


@pytest.mark.parametrize(("broken", "beginning"), FLOWS.items())
def test_what_cannot_be_imported_is_left_out_alone_and_named(broken, beginning):
    ran = subprocess.run(
        [sys.executable, "-c", CODE, broken], check=False, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stderr
    left_out = ran.stdout.split()
    assert left_out == [name for name in sorted(TASK_MODULES) if name.startswith(beginning)]
    for module in left_out:
        assert f'"module": "{module}"' in ran.stderr
        assert "worker.module_left_out" in ran.stderr


def test_nothing_is_left_out_of_a_whole_project():
    ran = subprocess.run(
        [sys.executable, "-c", CODE, "no.such"], check=False, capture_output=True, text=True
    )

    assert ran.stdout.split() == []
