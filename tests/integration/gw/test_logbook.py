"""The log of a shift, from rows to OwnCloud."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import delete

from pipeline.gw import logbook
from pipeline.gw.action_tables import GwDecision
from pipeline.gw.plan_tables import GwClaim
from pipeline.gw.tables import Delivery
from tests.gw_rows import RECEIVED, make_group, make_notice, make_plan, make_tile
from tests.standins.faulty import status

PATH = "Candidates/GW/S241102br/LOGBOOK/shift_log.md"
HEAD = "# S241102br: log of the shift\n\nWritten by Nightjar from its records; times UTC.\n\n"


def at(hour, minute):
    return datetime(2024, 11, 2, hour, minute, tzinfo=UTC)


@pytest.fixture
def notice(session):
    """A notice with a folder."""
    return make_notice(
        session,
        received_at=RECEIVED,
        owncloud_url="Candidates/GW/S241102br/GWEMOPT/PRELIMINARY_1",
        event_class="BBH",
        class_probability=0.983,
        area_90_deg2=165.29,
        distance_mpc=464.9,
    )


@pytest.fixture
def evening(session, notice):
    """A decision, two plans, and a tile that was taken and observed."""
    group = make_group(session, notice)
    plan = make_plan(session, group, tile_count=10, probability=0.888)
    make_plan(session, group, telescope="TCH", state="failed", reason="no\ndark time")
    make_plan(session, group, telescope="TRE", state="running", ended_at=None)
    tile = make_tile(session, plan)
    session.add_all(
        [
            GwDecision(
                id_gw=notice.id_gw,
                trigger_id="S241102br",
                decision="follow_up",
                reason="near",
                decided_by="Ada",
                created_at=at(14, 20),
            ),
            GwClaim(
                plan_id=plan.id,
                telescope="TCA",
                tile_id=tile.id,
                state="done",
                claimed_by="Grace",
                claimed_at=at(15, 0),
                ended_at=at(18, 30),
            ),
        ]
    )
    session.flush()


LINES = [
    "- 2024-11-02 14:10:00 notice 1: PRELIMINARY, score 2, BBH 98.3 %, 90 % in 165.3 deg², 465 Mpc",
    "- 2024-11-02 14:11:30 plan TCA (tiling): done, 10 tiles, probability 0.888",
    "- 2024-11-02 14:11:30 plan TCH (tiling): failed (no dark time)",
    "- 2024-11-02 14:20:00 decision: follow up, Ada (near)",
    "- 2024-11-02 15:00:00 Grace takes TCA tile 1 (id 10080, RA 345.1035, Dec 41.7526)",
    "- 2024-11-02 18:30:00 observed: TCA tile 1 (id 10080, RA 345.1035, Dec 41.7526)",
]


def test_a_log_tells_what_happened_in_order(session, evening):
    text = logbook.render("S241102br", logbook.entries(session, "S241102br"))

    assert text == HEAD + "\n".join(LINES) + "\n"


def test_a_notice_that_says_little_is_a_short_line(session):
    make_notice(session, received_at=RECEIVED, score=0)

    assert [entry.text for entry in logbook.entries(session, "S241102br")] == [
        "notice 1: PRELIMINARY, score 0"
    ]


@pytest.fixture
def living(session, notice):
    """The notice, as if it had come today."""
    notice.received_at = datetime.now(UTC)
    session.flush()
    return notice


def test_a_log_is_written_when_something_changed(session, living, cloud):
    assert logbook.write_logbooks() == 1
    assert logbook.write_logbooks() == 0

    make_group(session, living)
    session.add(
        GwDecision(
            id_gw=living.id_gw,
            trigger_id="S241102br",
            decision="no_follow_up",
            decided_by="Ada",
            created_at=at(14, 20),
        )
    )
    session.flush()

    assert logbook.write_logbooks() == 1
    assert b"decision: no follow up, Ada" in cloud.files()[PATH]


def test_after_a_refused_login_the_log_waits_as_long_as_everything_else(session, living, cloud):
    cloud.faults["PUT"] = [status(401)]

    assert [logbook.write_logbooks() for _ in range(2)] == [0, 0]

    session.execute(delete(Delivery).where(Delivery.kind == "login"))
    assert logbook.write_logbooks() == 1


@pytest.mark.parametrize("code", [503, 507])
def test_a_cloud_in_trouble_is_left_until_the_next_time(session, living, cloud, code):
    cloud.faults["PUT"] = [status(code)]

    assert logbook.write_logbooks() == 0
    assert logbook.write_logbooks() == 1


def test_an_event_of_long_ago_has_its_last_word(session, notice, cloud):
    assert logbook.write_logbooks() == 0
    assert cloud.asked == []


def test_without_an_address_no_log_is_written(session, living):
    assert logbook.write_logbooks() == 0
