"""Which steps keep a listener from taking more notices."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from pipeline.gw import listener
from pipeline.gw.tables import GwStep
from tests.gw_rows import make_notice

pytestmark = pytest.mark.integration

MANY = listener.PAUSE_ABOVE + 100


@pytest.fixture
def wait(session):
    """Return a function that lets many steps of one kind wait."""
    notice = make_notice(session)

    def many(step, **given):
        rows = [{"id_gw": notice.id_gw, "step": step, "key": str(n)} | given for n in range(MANY)]
        session.execute(insert(GwStep), rows)
        session.commit()

    return many


@pytest.mark.parametrize("step", ["card", "thread", "plans"])
def test_steps_that_a_notice_must_pass_count_as_far_as_matters(wait, step):
    wait(step)

    assert listener._waiting_steps() == listener.PAUSE_ABOVE + 1


@pytest.mark.parametrize("step", ["folders", "upload", "all_file", "plan"])
def test_no_notice_waits_for_files_and_processes(wait, step):
    wait(step)

    assert listener._waiting_steps() == 0


def test_steps_that_rest_or_have_ended_do_not_count(wait):
    wait("card", not_before=datetime.now(UTC) + timedelta(hours=1))
    wait("report", state="done")

    assert listener._waiting_steps() == 0
