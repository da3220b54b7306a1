"""What people read in the morning: counts that add up, and what to do."""

from datetime import UTC, date, datetime

import pytest
from django.template.loader import render_to_string

from pipeline.s3.query import Late
from pipeline.selected import query as selected_query
from pipeline.selected.query import Night
from pipeline.selected.tables import OutputFile, RetentionRun, SelectedRun, Selection
from pipeline.watch import letter
from pipeline.watch.alarm import REASONS, Alarm
from pipeline.watch.lasair_topics import LasairTopic
from pipeline.watch.summary import Images, Summary
from tests.block_kit import faults

URL = "https://nightjar.invalid"
MORNING = datetime(2026, 11, 23, 6, tzinfo=UTC)
NIGHT = date(2026, 11, 22)
COUNTED = ("read", "written", "filtered", "failed", "duplicate")


def night(counts, *, rows=None, broken=0, waiting=0, **run):
    """A night of one run: what it read, and how many lines its table has."""
    found = dict(zip(COUNTED, counts, strict=True))
    values = {f"{name}_count": value for name, value in found.items()}
    values |= {"no_packet_count": 0, "missing_cutout_count": 2, "broken_cutout_count": broken}
    values |= {"late_count": 0, "mended_count": 0}
    made = SelectedRun(
        **values | {"kind": "collect", "slot": "collect-selected", "state": "done"} | run
    )
    table = OutputFile(
        kind="csv",
        path="lsst_alerts/data/t.csv",
        rows=found["written"] if rows is None else rows,
    )
    return Night(
        Selection(name="selected"), NIGHT, [table], cutouts=7, waiting=waiting, runs=[made]
    )


def summary(*nights, **values):
    nothing = {"lasair": (), "images": Images(0, 0, 0), "late": None}
    nothing |= {"alarms": (), "retention": ()}
    rows = sum(each.sums["written"] for each in nights)
    return Summary(MORNING, MORNING, rows, nights, **(nothing | values))


def text_of(found):
    return render_to_string("pipeline/mail/letter.txt", {"letter": found})


def test_a_good_night_is_told_with_its_sums_and_wants_nothing():
    found = letter.of_summary(summary(night((12, 9, 0, 0, 3)), late=Late(0, None, None)), URL)

    assert found.title == "Nightjar, morning of 2026-11-23: 9 alerts written, nothing to do"
    assert found.to_do == ()
    text = text_of(found)
    assert "12 read = 9 written + 0 filtered + 0 failed + 3 duplicate: adds up" in text
    assert "Cutouts: 7 on disk, 2 missing, 0 broken" in text
    assert f"{URL}/runs" in text


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        (summary(night((5, 3, 0, 2, 0))), "2 messages could not be read"),
        (summary(night((5, 5, 0, 0, 0), rows=4)), "does not add up"),
        (summary(night((6, 5, 0, 0, 0))), "does not add up"),
        (summary(night((5, 5, 0, 0, 0), broken=1)), "1 cutout could not be read"),
        (
            summary(night((5, 5, 0, 0, 0), state="short", error="stopped 3 offsets before")),
            "./run_lsst_consumer.sh selected",
        ),
        (summary(late=Late(3, MORNING, "no bucket")), "manage.py s3_sync"),
        (summary(late=Late(0, None, None, 5, 2)), "Lost: 2 objects of files that were deleted"),
        (summary(lasair=(LasairTopic("lasair_1x", 4, 2),)), "lasair_1x: 2 messages could not"),
        (summary(images=Images(1, 0, 2)), "manage.py fetch_cutouts --missing"),
    ],
)
def test_what_is_amiss_says_what_to_do(given, remedy):
    found = letter.of_summary(given, URL)

    [to_do] = found.to_do
    assert remedy in to_do
    assert found.title.endswith("1 thing to do")


def test_a_run_that_was_followed_by_a_good_one_is_forgiven():
    given = night((5, 5, 0, 0, 0))
    [good] = given.runs
    bad = SelectedRun(kind="collect", slot=good.slot, state="failed", error="x", **{
        f"{name}_count": 0 for name in selected_query.COUNTED
    })  # fmt: skip
    given.runs.append(bad)  # newest first

    assert letter.of_summary(summary(given), URL).to_do == ()


def test_a_run_that_never_reached_its_topic_is_not_called_balanced():
    found = night((0, 0, 0, 0, 0), state="failed", error="no partition of t was given: refused")

    said = letter.of_summary(summary(found), URL)

    assert "adds up" not in text_of(said)
    assert "0 duplicate: NOT READ TO THE END, a run failed" in text_of(said)
    assert "ended failed: no partition of t was given: refused. Run ./run" in said.to_do[0]


def test_what_a_run_made_good_is_said():
    text = text_of(letter.of_summary(summary(night((0,) * 5, late_count=3, mended_count=1)), URL))

    assert "Made good: 3 lines of rows stored before, 1 file made again" in text


def test_rows_that_wait_for_their_images_add_up():
    found = letter.of_summary(summary(night((5, 5, 0, 0, 0), rows=3, waiting=2)), URL)

    assert found.to_do == ()
    assert "their images or the disk: 2 rows" in text_of(found)


def test_a_silent_topic_of_lasair_is_shown_with_nothing():
    text = text_of(letter.of_summary(summary(lasair=(LasairTopic("lasair_1x", 0, 0),)), URL))

    assert "lasair_1x: 0 alerts, 0 failed" in text


def sums(files, length, first, last):
    return {"files": files, "bytes": length, "first": first, "last": last}


def test_what_was_deleted_and_what_stayed_is_named_by_kind_and_night():
    run = RetentionRun(
        host="here",
        day=NIGHT,
        state="done",
        deleted={"cutout": sums(1203, 72_180_000, "2026-10-20", "2026-10-22")},
        kept={"csv: S3 has not confirmed it": sums(1, 900_000, "2026-10-22", "2026-10-22")},
    )

    found = letter.of_summary(summary(retention=[run]), URL)

    text = text_of(found)
    assert "Retention on here, 2026-11-22" in text
    assert "Deleted: 1,203 of cutout, 72.2 MB, nights 2026-10-20 to 2026-10-22" in text
    assert "Stays: 1 of csv: S3 has not confirmed it, 0.9 MB, night 2026-10-22" in text
    assert found.to_do == ()


def test_what_could_not_be_deleted_is_to_be_mended():
    run = RetentionRun(host="here", day=NIGHT, state="failed", deleted={}, kept={}, error="EPERM")

    found = letter.of_summary(summary(retention=[run]), URL)

    assert "Not deleted on here though their time is over: EPERM" in found.to_do[0]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_an_alarm_has_a_headline_and_a_remedy(reason):
    found = letter.of_alarm(Alarm("selected", reason, "What is known.", "What to do."), URL)

    assert "selected" in found.title
    assert found.to_do == ("What to do.",)


def test_slack_takes_what_is_hostile():
    hostile = "<!channel> & `x`\n" * 300
    alarm = Alarm("selected", "unread", hostile, hostile)
    for found in (letter.of_alarm(alarm, URL), letter.of_summary(summary(alarms=[alarm]), URL)):
        said = letter.as_message(found)

        assert faults(said) == []
        assert "<!channel>" not in str(said.blocks)
