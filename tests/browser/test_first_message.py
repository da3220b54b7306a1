"""A stranger with a browser and a Python: from the first page to the first alert, and its seconds."""

import json
import subprocess
import sys
import time

import pytest

from tests.browser.conftest import SHOTS
from tests.e2e.site import link_in
from tests.environment import of_a_stranger

EMAIL = "stranger@example.org"
FIRST_WITHIN_S = 60
READER = """
import runpy, sys
import builtins
write = builtins.print
def first(*words, **options):
    write(*words, **options, flush=True)
    sys.exit(0)
builtins.print = first
runpy.run_path(sys.argv[1])
"""
"""Runs a snippet as it stands and ends it after its first line."""


def run(code, password, folder):
    """Return the first line that a snippet prints."""
    snippet = folder / "snippet.py"
    snippet.write_text(code)
    done = subprocess.run(
        [sys.executable, "-c", READER, str(snippet)],
        env=of_a_stranger(BABAMUL_KAFKA_PASSWORD=password),
        capture_output=True,
        text=True,
        timeout=FIRST_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_stranger_reads_an_alert_and_the_check_says_so(site, open_page, shoot, tmp_path):
    page, watch = open_page()
    began, seconds = time.monotonic(), {}

    def reached(what):
        seconds[what] = round(time.monotonic() - began, 2)

    page.goto(site.url)
    page.get_by_role("link", name="Get access").first.click()
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_role("button", name="Send me the mail").click()
    link = link_in(site.mail_to(EMAIL))
    reached("mail")
    page.goto(link)
    page.get_by_role("button", name="Activate").click()
    page.locator(".badge.ok").nth(1).wait_for()
    reached("Kafka ready")
    env = dict(line.split("=", 1) for line in page.locator("#dotenv").inner_text().splitlines())
    page.get_by_role("link", name="Choose topics and get code").click()
    code = page.locator("#code-confluent").text_content()
    reached("code")
    assert env["BABAMUL_KAFKA_USERNAME"] in code

    line = run(code, env["BABAMUL_KAFKA_PASSWORD"], tmp_path)
    reached("first alert")

    assert line.split()[1].startswith("TEST")
    SHOTS.mkdir(parents=True, exist_ok=True)
    (SHOTS / "stranger.json").write_text(json.dumps(seconds))
    page.get_by_role("link", name="Is my consumer connected?").click()
    page.get_by_role("heading", name="Connection check").wait_for()
    watch.fits()
    shoot(page, "check")
    page.goto(f"{site.url}/profile")
    page.get_by_text("-laptop").first.wait_for()  # its group, with how far it is behind
    shoot(page, "profile-with-group")
