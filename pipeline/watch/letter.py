"""What people read of a morning and of an alarm: plain values, for Slack and for mail alike."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.gw import blocks
from pipeline.gw.blocks import Message, escape
from pipeline.s3.query import Late
from pipeline.selected.query import Night
from pipeline.selected.retention_book import words
from pipeline.selected.tables import RetentionRun
from pipeline.watch.alarm import NOT_RUN, NOTHING_WRITTEN, SILENT, UNMADE, UNREAD, Alarm
from pipeline.watch.summary import Summary

RUNS_PATH = "/runs"
LETTERS_PATH = "/admin/pipeline/deadletter/"
LONGEST_LINE = 600


@dataclass(frozen=True)
class Part:
    """Lines under a headline."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Letter:
    """One message.

    Attributes
    ----------
    title : str
        Headline and subject.
    to_do : tuple of str
        What its reader should do, the most pressing first.
    parts : tuple of Part
        What is known.
    url, link : str
        Page with the rest, and what its link says.
    why : str
        Why somebody gets it as a mail.
    """

    title: str
    to_do: tuple[str, ...]
    parts: tuple[Part, ...]
    url: str
    link: str = "Nightly runs: files, checksums, every run"
    why: str = "You are named in watch.mail_to of this Nightjar."


def of_summary(summary: Summary, public_url: str) -> Letter:
    """Return the letter of a morning."""
    rows = summary.rows + sum(topic.stored for topic in summary.lasair)
    to_do = tuple(_to_do(summary, public_url))
    count = len(to_do)
    ending = "nothing to do" if not count else f"{_many(count, 'thing')} to do"
    return Letter(
        f"Nightjar, morning of {summary.until:%Y-%m-%d}: {rows:,} alerts written, {ending}",
        to_do,
        (*_nights(summary), *_lasair(summary), _s3(summary.late), *_retention(summary)),
        f"{public_url}{RUNS_PATH}",
    )


def of_alarm(alarm: Alarm, public_url: str) -> Letter:
    """Return the letter of something that is amiss."""
    known = Part("What is known", (alarm.text, "Nobody is told of it again today."))
    url = f"{public_url}{RUNS_PATH}"
    return Letter(f"⚠️ Nightjar: {headline(alarm)}", (alarm.remedy,), (known,), url)


def of_end(source: str, public_url: str) -> Letter:
    """Return the letter of a source that works again."""
    known = Part("Mended", (f"What was told of {source} today is over: nothing is left to do.",))
    url = f"{public_url}{RUNS_PATH}"
    return Letter(f"✅ Nightjar: {source} works again", (), (known,), url)


def as_message(letter: Letter) -> Message:
    """Return a letter as Slack shows it."""
    to_do = [f"• {escape(line, LONGEST_LINE)}" for line in letter.to_do]
    parts = [
        blocks.section([f"*{escape(part.title)}*", *(escape(x, LONGEST_LINE) for x in part.lines)])
        for part in letter.parts
    ]
    return blocks.message(
        letter.title,
        blocks.header(letter.title),
        blocks.section(["*To do*", *to_do]) if to_do else None,
        *parts,
        blocks.context(blocks.link(letter.url, letter.link)),
    )


def headline(alarm: Alarm) -> str:
    """Return what is amiss in a few words, without hosts and errors: for everybody."""
    return {
        NOT_RUN: f"{alarm.source} was not collected",
        NOTHING_WRITTEN: f"{alarm.source} wrote nothing though alerts came",
        UNREAD: f"alerts of {alarm.source} wait and nothing is written",
        SILENT: f"nothing of {alarm.source} is read",
        UNMADE: f"files of {alarm.source} could not be made",
    }[alarm.reason]


def _to_do(summary: Summary, public_url: str) -> Iterator[str]:
    for alarm in summary.alarms:
        yield f"{alarm.text} {alarm.remedy}"
    for night in summary.nights:
        yield from _to_do_of(night, public_url)
    for topic in summary.lasair:
        if topic.failed:
            yield (
                f"{topic.name}: {_many(topic.failed, 'message')} could not be read; the reasons"
                f" stand in {_letters('lasair', public_url)}"
            )
    if summary.images.missing:
        yield (
            f"Not there: {_many(summary.images.missing, 'image')} of Lasair's alerts; ask once more"
            " with manage.py fetch_cutouts --missing"
        )
    if summary.late and summary.late.files:
        yield (
            f"Not on S3 yet: {_many(summary.late.files, 'file')}; run manage.py s3_sync and read"
            " what it says; make doctor looks at the bucket"
        )
    if summary.late and summary.late.lost:
        yield (
            f"Lost: {_many(summary.late.lost, 'object')} of files that were deleted here; find out"
            " who emptied the bucket, and restore its versions if it keeps any"
        )
    yield from (_to_do_of_retention(run) for run in summary.retention if run.state == "failed")


def _to_do_of_retention(run: RetentionRun) -> str:
    return (
        f"Not deleted on {run.host} though their time is over: {run.error}; mend that, then run"
        " manage.py retention there, or wait for the next day"
    )


def _to_do_of(night: Night, public_url: str) -> Iterator[str]:
    name, sums = f"{night.selection.name}, {night.night}", night.sums
    page = f"{public_url}{RUNS_PATH}"
    if not night.adds_up:
        yield (
            f"{name}: what was read does not add up with the rows of the table; press *Make these"
            f" files again* at {page}, and report it if it stays so"
        )
    if sums["failed"]:
        yield (
            f"{name}: {_many(sums['failed'], 'message')} could not be read; the reasons stand in"
            f" {_letters(night.selection.name, public_url)}"
        )
    if sums["broken_cutout"]:
        yield (
            f"{name}: {_many(sums['broken_cutout'], 'cutout')} could not be read; if the disk was"
            f" at fault, press *Make these files again* at {page}"
        )
    for run in night.hindered:
        yield (
            f"{name}: {run.slot} ended {run.state}: {run.error}. Run ./run_lsst_consumer.sh"
            f" {night.selection.name}; it goes on where that run stopped"
        )


def _nights(summary: Summary) -> Iterator[Part]:
    for night in summary.nights:
        lines = tuple(_night_lines(night))
        so_far = " so far" if night.night == summary.until.date() else ""
        yield Part(f"{night.selection.name}, {night.night}{so_far}", lines)
    if not summary.nights:
        yield Part("Selected alerts", ("No source was read.",))


def _night_lines(night: Night) -> Iterator[str]:
    sums, table = night.sums, night.csv
    yield (
        f"{sums['read']:,} read = {sums['written']:,} written + {sums['filtered']:,} filtered +"
        f" {sums['failed']:,} failed + {sums['duplicate']:,} duplicate:"
        f" {_verdict(night)}"
    )
    if sums["late"] or sums["mended"]:
        yield (
            f"Made good: {_many(sums['late'], 'line')} of rows stored before,"
            f" {_many(sums['mended'], 'file')} made again"
        )
    if table is None:
        yield "No table: nothing was selected"
    else:
        state = "closed" if table.closed_at else "open until its UTC date is over"
        yield f"{table.path}: {table.rows:,} rows, {state}"
        if night.waiting:
            yield f"Without a line yet, for their images or the disk: {_many(night.waiting, 'row')}"
    yield (
        f"Cutouts: {night.cutouts:,} on disk, {sums['missing_cutout']:,} missing,"
        f" {sums['broken_cutout']:,} broken"
    )
    if sums["no_packet"]:
        yield f"{sums['no_packet']:,} rows without packet and images"


def _lasair(summary: Summary) -> Iterator[Part]:
    if not summary.lasair:
        return
    images = summary.images
    lines = [
        f"{each.name}: {each.stored:,} alerts, {each.failed:,} failed" for each in summary.lasair
    ]
    lines.append(
        f"Images: {images.present:,} on disk, {images.missing:,} missing,"
        f" {images.waiting:,} still asked for"
    )
    yield Part(f"Lasair, since {summary.since:%Y-%m-%d %H:%M} UTC", tuple(lines))


def _s3(late: Late | None) -> Part:
    if late is None:
        return Part("S3", ("No bucket is set: files are on this disk alone",))
    lines = _emptied(late)
    if not late.files:
        return Part("S3", (*lines, "Nothing is late"))
    since = f", the oldest closed {late.oldest_at:%Y-%m-%d %H:%M} UTC" if late.oldest_at else ""
    error = (f"Last error: {late.error}",) if late.error else ()
    return Part("S3", (*lines, f"Not there yet: {_many(late.files, 'file')}{since}", *error))


def _emptied(late: Late) -> Iterator[str]:
    if late.again or late.lost:
        yield (
            f"The bucket had lost what it had confirmed: {_many(late.again, 'object')} asked for"
            f" again, {late.lost:,} nowhere any more"
        )


def _retention(summary: Summary) -> Iterator[Part]:
    """Say what was deleted, and what stayed though its time is over."""
    for run in summary.retention:
        gone = [f"Deleted: {line}" for line in words(run.deleted)]
        kept = [f"Stays: {line}" for line in words(run.kept)]
        if gone or kept:
            yield Part(f"Retention on {run.host}, {run.day}", (*gone, *kept))


def _verdict(night: Night) -> str:
    if not night.adds_up:
        return "DOES NOT ADD UP" if night.runs else "no run of it is known"
    return "NOT READ TO THE END, a run failed" if night.has_failed else "adds up"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _letters(stream: str, public_url: str) -> str:
    return f"{public_url}{LETTERS_PATH}?stream__exact={stream}"
