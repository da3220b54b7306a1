"""Files of sources that could not be made: nights that do not close, re-runs that failed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from pipeline.selected.tables import OutputFile, SelectedAlert, SelectedRun, Selection, wants_images
from pipeline.watch.alarm import UNMADE, Alarm
from pipeline.watch.elsewhere import PROMPT

NIGHTS = timedelta(days=14)
"""As many are shown in ``/runs``."""
DAY = timedelta(days=1)
AMISS = frozenset({"failed", "interrupted"})


def unmade(session: Session, since: datetime, now: datetime) -> dict[str, Alarm]:
    """Return what of each source could not be made, by its name; of several things the newest.

    A night is closed by whoever reads its source next: one that nobody reads is amiss in another
    way. One whose lines wait for images is not.

    Parameters
    ----------
    session : Session
        Of an open transaction.
    since : datetime
        Re-runs that failed before are not told any more, UTC.
    now : datetime
        UTC.
    """
    return dict([*_not_made_again(session, since), *_not_closed(session, now)])


def _not_closed(session: Session, now: datetime) -> Iterator[tuple[str, Alarm]]:
    waits = exists().where(
        SelectedAlert.file_id == OutputFile.id, SelectedAlert.csv_seq.is_(None), wants_images()
    )
    unclosed = (
        select(Selection.id, Selection.name, OutputFile.night)
        .join(Selection, Selection.id == OutputFile.selection_id)
        .where(
            OutputFile.kind == "csv",
            OutputFile.sha256.is_(None),
            OutputFile.night.between((now - NIGHTS).date(), (now - DAY).date()),
            ~waits,
        )
        .order_by(OutputFile.night)
    )
    for row in session.execute(unclosed).all():
        over_at = datetime.combine(row.night + DAY, time(), UTC)
        read = exists().where(
            SelectedRun.selection_id == row.id,
            SelectedRun.kind != "rerun",
            SelectedRun.started_at.between(over_at, now - PROMPT),
        )
        if session.scalar(select(read)):
            yield row.name, _of_night(row.name, row.night)


def _not_made_again(session: Session, since: datetime) -> Iterator[tuple[str, Alarm]]:
    newest = (
        select(SelectedRun, Selection.name)
        .join(Selection, Selection.id == SelectedRun.selection_id)
        .where(SelectedRun.kind == "rerun", SelectedRun.updated_at >= since)
        .ext(distinct_on(SelectedRun.selection_id, SelectedRun.night))
        .order_by(SelectedRun.selection_id, SelectedRun.night, SelectedRun.id.desc())
    )
    for run, name in session.execute(newest).all():
        if run.state in AMISS:
            yield name, _of_rerun(name, run)


def _of_night(name: str, night: date) -> Alarm:
    return Alarm(
        name,
        UNMADE,
        f"The night {night} of {name} is over and was read behind its end, and its table is not"
        " closed: it has no checksum and no Parquet, and S3 does not confirm it.",
        f"Look for selected.not_closed, selected.not_written and selected.packets_away in the log"
        f" of listen-{name}, or of whoever collects; docs/selected.md says what each means.",
    )


def _of_rerun(name: str, run: SelectedRun) -> Alarm:
    return Alarm(
        name,
        UNMADE,
        f"The files of {run.night} of {name} were not made again: {run.error or run.state}.",
        "Mend that, then press Make these files again at /runs; until then they are as they were.",
    )
