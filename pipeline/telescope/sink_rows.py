"""Rows of ``telescope_data_raw``: inserted in bulk, never changed; the first of an id stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from broker.db import cursor
from pipeline.telescope.decode_data import Piece, Refused
from pipeline.telescope.record import Telescope

_INSERT = """
    INSERT INTO telescope_data_raw (data_id, observation_id, sequence_number, "timestamp", data)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::bytea[])
    ON CONFLICT (data_id) DO NOTHING
    RETURNING data_id
"""
_DIFFERENCES = """
    SELECT u.place - 1, t.observation_id,
        concat_ws(', ',
            CASE WHEN t.observation_id <> u.observation_id THEN 'observation_id' END,
            CASE WHEN t.sequence_number <> u.sequence_number THEN 'sequence_number' END,
            CASE WHEN t."timestamp" <> u."timestamp" THEN 'timestamp' END,
            CASE WHEN t.data IS DISTINCT FROM u.data THEN 'data' END)
    FROM unnest(%s::text[], %s::text[], %s::int[], %s::bigint[], %s::bytea[]) WITH ORDINALITY
        AS u (data_id, observation_id, sequence_number, "timestamp", data, place)
    JOIN telescope_data_raw AS t ON t.data_id = u.data_id
    WHERE (t.observation_id, t.sequence_number, t."timestamp", t.data)
        IS DISTINCT FROM (u.observation_id, u.sequence_number, u."timestamp", u.data)
    ORDER BY u.place
"""
_FOREIGN = """
    SELECT observation_id, telescope FROM telescope_commands
    WHERE observation_id = ANY(%s) AND telescope <> %s
"""
COLUMNS = ("data_id", "observation_id", "sequence_number", "timestamp", "data_payload")
"""Of the message, in the order of the statements."""


@dataclass(frozen=True)
class Stored:
    """What became of pieces.

    Attributes
    ----------
    rows : int
        New rows.
    duplicates : int
        Pieces that were there already, to the byte.
    conflicts : list of Refused
        Pieces whose id is that of another, or whose observation another telescope was asked for.
    """

    rows: int = 0
    duplicates: int = 0
    conflicts: list[Refused] = field(default_factory=list)


def store(session: Session, pieces: Sequence[Piece], telescope: Telescope) -> Stored:
    """Insert the pieces that are new; say of the others whether they are equal to what is there.

    Of several with one id the lowest offset is the first. A telescope cannot add to an observation
    that another one was asked for: its page would show them as that one's.
    """
    foreign = _foreign(session, pieces, telescope)
    own = [piece for piece in pieces if piece.row.observation_id not in foreign]
    stored = _store(session, own)
    strange = [
        _of_another(piece, foreign[piece.row.observation_id], telescope)
        for piece in pieces
        if piece.row.observation_id in foreign
    ]
    return replace(stored, conflicts=[*strange, *stored.conflicts])


def _foreign(session: Session, pieces: Sequence[Piece], telescope: Telescope) -> Mapping[str, str]:
    """Return whom our ledger asked for the observations that it did not ask this telescope for."""
    ids = sorted({piece.row.observation_id for piece in pieces})
    if not ids:
        return {}
    with cursor(session) as cur:
        return dict(cur.execute(_FOREIGN, (ids, telescope.name)).fetchall())


def _of_another(piece: Piece, owner: str, telescope: Telescope) -> Refused:
    said = f"{owner} was asked for it, not {telescope.name}"
    row = piece.row
    return Refused(piece.packet, "conflict", f"observation_id = {row.observation_id!r}: {said}")


def _store(session: Session, pieces: Sequence[Piece]) -> Stored:
    firsts: dict[str, Piece] = {}
    for piece in pieces:
        firsts.setdefault(piece.row.data_id, piece)
    if not firsts:
        return Stored()
    # In the order of their ids, as everybody inserts: two workers on equal ids wait, in turn.
    ordered = [firsts[data_id] for data_id in sorted(firsts)]
    with cursor(session) as cur:
        new = {data_id for (data_id,) in cur.execute(_INSERT, _columns(ordered))}
        others = [
            piece
            for piece in pieces
            if piece.row.data_id not in new or firsts[piece.row.data_id] is not piece
        ]
        differing = cur.execute(_DIFFERENCES, _columns(others)).fetchall() if others else []
    conflicts = [_conflict(others[place], owner, what) for place, owner, what in differing]
    return Stored(len(new), len(others) - len(conflicts), conflicts)


def _conflict(piece: Piece, owner: str, what: str) -> Refused:
    said = f"stored before for observation {owner}; it differs in {what}"
    return Refused(piece.packet, "conflict", f"data_id = {piece.row.data_id!r}: {said}")


def _columns(pieces: Sequence[Piece]) -> tuple[list[Any], ...]:
    return tuple([getattr(piece.row, name) for piece in pieces] for name in COLUMNS)
