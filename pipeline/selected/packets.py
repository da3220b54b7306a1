"""Where the packets of selected alerts lie, and their bytes when a file must be made again."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from sqlalchemy.orm import Session

from broker.archive import Slice
from broker.archive_index import (
    ArchiveAwayError,
    ArchiveElsewhereError,
    ArchiveError,
    Segment,
    read_slice,
    segments_named,
)
from broker.avro import UnreadableError
from broker.config import config, project_path
from broker.db import cursor, transaction
from pipeline.selected import cutouts, messages
from pipeline.selected.cutouts import Cutout
from pipeline.selected.sources import SURVEY

log = structlog.get_logger(__name__)


class Unread(NamedTuple):
    """Packets in the archive that cannot be read now, by the keys given, each with the reason."""

    away: dict[int, str]
    """They are there again when the disk is."""
    elsewhere: dict[int, str]
    """Those that only another machine has."""


def known_slices(session: Session, candids: Iterable[int]) -> dict[int, Slice]:
    """Return where the packets of our own alerts lie, by their id."""
    with cursor(session) as cur:
        cur.execute(
            "SELECT candid, archive_segment_id, archive_start, archive_length, archive_crc32"
            " FROM alerts WHERE survey = %s AND candid = ANY(%s)",
            (SURVEY, list(candids)),
            binary=True,
        )
        return {row[0]: Slice(*row[1:]) for row in cur}


def here(slices: Iterable[Slice]) -> set[int]:
    """Return the segments (their ids) of slices whose files are on this machine.

    Raises
    ------
    OSError
        If the disk does not say.
    """
    root = project_path(config().archive.path)
    return {key for key, segment in _segments(slices).items() if (root / segment.path).exists()}


def records(slices: Mapping[int, Slice], unread: Unread) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the key given and the record of each packet in the archive; none of what is gone.

    One is read when it is asked for: a thousand of them fill the memory. What cannot be read now is
    added to ``unread``.
    """
    segments = _segments(slices.values())
    for key, piece in slices.items():
        try:
            record = _record(segments[piece.segment_id], piece)
        except ArchiveElsewhereError as error:
            unread.elsewhere[key] = str(error)
        except ArchiveAwayError as error:
            unread.away[key] = str(error)
        except (KeyError, ArchiveError, UnreadableError) as error:
            log.warning("selected.packet_gone", key=key, error=str(error))
        else:
            yield key, record


def _segments(slices: Iterable[Slice]) -> dict[int, Segment]:
    with transaction() as session:
        found = segments_named(session, {piece.segment_id for piece in slices})
    return {segment.id: segment for segment in found}


def _record(segment: Segment, piece: Slice) -> dict[str, Any]:
    raw = read_slice(project_path(config().archive.path), segment, piece)
    # A segment's path begins with the stream that kept it.
    return messages.read_kept(raw, Path(segment.path).parts[0])


def cutouts_of(
    rows: Iterable[Mapping[str, Any]], unread: Unread
) -> Iterator[tuple[int, dict[str, Cutout]]]:
    """Yield the id and the images of rows of ``selected_alerts``, one by one, as ``records``."""
    slices = {row["id"]: piece for row in rows if (piece := slice_of(row)) is not None}
    for key, record in records(slices, unread):
        yield key, cutouts.cutouts_of(record)


def slice_of(row: Mapping[str, Any]) -> Slice | None:
    """Return where a row's packet lies."""
    if row["archive_segment_id"] is None:
        return None
    return Slice(
        row["archive_segment_id"],
        row["archive_start"],
        row["archive_length"],
        row["archive_crc32"],
    )
