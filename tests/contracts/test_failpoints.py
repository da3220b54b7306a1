"""Every place where a process may die stands once in the code, and a test kills there."""

import re
from collections import Counter
from itertools import chain

import pytest

from broker.config import ROOT
from broker.failpoints import FAILPOINTS
from tests.drill.faults import f01
from tests.integration.credentials import test_killed as credentials
from tests.integration.gw import test_killed as files
from tests.integration.gw import test_listener, test_reception, test_steps
from tests.integration.lasair import test_day_files, test_stamps
from tests.integration.lasair import test_listener as lasair
from tests.integration.s3 import test_killed as copies
from tests.integration.selected import test_collect, test_writer
from tests.integration.slack import test_once
from tests.integration.telescope import test_send
from tests.integration.telescope_data import test_sink_killed

CALL = re.compile(r'\bfailpoint\("(\w+)"\)')
KILLED_AT = {
    *f01.WORKER_POINTS,
    *f01.LISTENER_POINTS,
    *credentials.KILLED_AT,
    *test_listener.KILLED_AT,
    *test_reception.KILLED_AT,
    *test_steps.KILLED_AT,
    *test_once.KILLED_AT,
    *files.KILLED_AT,
    *copies.KILLED_AT,
    *test_collect.KILLED_AT,
    *test_writer.KILLED_AT,
    *lasair.KILLED_AT,
    *test_day_files.KILLED_AT,
    *test_stamps.KILLED_AT,
    *test_send.KILLED_AT,
    *test_sink_killed.KILLED_AT,
}


def calls() -> Counter[str]:
    folders = (ROOT / name for name in ("broker", "pipeline", "accounts"))
    sources = (path.read_text() for folder in folders for path in folder.rglob("*.py"))
    return Counter(chain.from_iterable(map(CALL.findall, sources)))


def test_the_code_passes_no_place_that_is_not_known():
    assert set(calls()) == set(FAILPOINTS)


@pytest.mark.parametrize("name", FAILPOINTS)
def test_a_place_stands_once_and_is_killed_at(name: str):
    assert calls()[name] == 1
    assert name in KILLED_AT
