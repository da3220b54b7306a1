"""What the database itself refuses, whoever writes."""

import pytest
from sqlalchemy.exc import IntegrityError

from tests.gw_rows import make_group, make_notice, make_plan

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("state", ["wanted", "running"])
def test_a_telescope_has_one_open_plan_of_a_notice(session, state):
    group = make_group(session, make_notice(session))
    make_plan(session, group, state="running", ended_at=None)

    with pytest.raises(IntegrityError, match="uq_gw_plans_open"):
        make_plan(session, group, state=state, generation=2, ended_at=None)


def test_a_plan_that_ended_is_followed_by_another_generation_only(session):
    group = make_group(session, make_notice(session))
    make_plan(session, group, state="failed")
    make_plan(session, group, state="wanted", generation=2, ended_at=None)

    with pytest.raises(IntegrityError, match="generation"):
        make_plan(session, group, state="done", generation=2)


@pytest.mark.parametrize(
    "again",
    [
        {"reception_count": 1, "payload_sha256": "b"},
        {"reception_count": 2},
        {"reception_count": 2, "payload_sha256": "b", "message_ts": "17.5", "channel": "C1"},
        {"reception_count": 2, "payload_sha256": "b", "owncloud_url": "GW/S1/GWEMOPT/X"},
    ],
    ids=["number", "notice", "message", "folder"],
)
def test_no_two_rows_are_one_notice_one_message_or_one_folder(session, again):
    make_notice(session, message_ts="17.5", channel="C1", owncloud_url="GW/S1/GWEMOPT/X")

    with pytest.raises(IntegrityError, match="uq_gw_alerts"):
        make_notice(session, **again)


def test_messages_of_two_channels_may_have_one_time(session):
    make_notice(session, message_ts="17.5", channel="C1")

    other = make_notice(
        session, reception_count=2, payload_sha256="b", message_ts="17.5", channel="C2"
    )

    assert other.message_ts == "17.5"
