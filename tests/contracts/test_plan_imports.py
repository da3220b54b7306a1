"""What plans need is loaded by their own processes only."""

import subprocess
import sys

CODE = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "broker.settings"
import django
django.setup()
import broker.urls
from broker.celery import app
app.loader.import_default_modules()
from pipeline.gw import step_registry
for kind in step_registry.KINDS:
    step_registry.named(kind.function)
heavy = {"gwemopt", "ligo", "healpy", "ephem", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""


def test_web_listeners_and_workers_never_load_gwemopt():
    found = subprocess.run(
        [sys.executable, "-c", CODE], check=False, capture_output=True, text=True
    )

    assert found.returncode == 0, found.stderr
