"""Every name that the connection check can give is explained where people look it up."""

import re

from accounts.connection import Answer
from compose.native.home import ROOT

GIVEN = re.compile(r'Answer\(\s*"([A-Z_]+)"')
QUOTED = re.compile(r"`([A-Z_]{2,})`")
OF_THE_SCRIPT = {"NAME", "PORT", "TLS", "MECHANISM"}


def given():
    modules = [*(ROOT / "accounts").glob("connection*.py"), ROOT / "accounts/web/check_pages.py"]
    return {name for module in modules for name in GIVEN.findall(module.read_text())}


def test_the_guide_to_credentials_lists_them_all():
    text = (ROOT / "docs/credentials.md").read_text()
    section = text.partition("## Connection check")[2].partition("\n## ")[0]

    assert len(given()) > 10
    assert set(QUOTED.findall(section)) == given() | OF_THE_SCRIPT


def test_so_does_the_record_of_an_answer():
    assert set(QUOTED.findall(Answer.__doc__)) == given()
