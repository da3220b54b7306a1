"""Loci of ANTARES as alerts: the packet from our archive, else what ANTARES's REST says."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from broker.archive import Slice
from broker.avro import UnreadableError
from broker.db import cursor, transaction
from broker.errors import TransientError
from pipeline.clients import bounded
from pipeline.clients.antares import Antares, AntaresError, LocusAlert
from pipeline.selected import packets
from pipeline.selected.antares_messages import Locus, read_locus
from pipeline.selected.messages import Read
from pipeline.selected.sources import SURVEY
from pipeline.times import MJD_EPOCH_JD, mjd_tai_to_jd_utc

BATCH_MESSAGES = 10
"""A batch may wait for as many answers, and a group forgets who is silent for five minutes."""
MOST_TAKES = 5
"""A locus that is not answered for is a dead letter then: its neighbours wait behind it."""
MESSAGE_CHARACTERS = 400
SAME_TIME_D = 1e-5
"""Two observations of one object are further apart [d]."""

_PREFIX = "lsst_diaSource_"
_ID = re.compile(r"[0-9]{1,19}")


class AntaresReader:
    """Says which alert a locus stands for.

    Parameters
    ----------
    client : Antares or None
        Asked for what our archive has not; None: nobody is.
    """

    def __init__(self, client: Antares | None) -> None:
        self._client = client
        self._takes: Counter[str] = Counter()
        self._given_up: dict[str, str] = {}
        self._answers: dict[bytes, Read] = {}

    def read(self, value: bytes) -> Read:
        """Return the newest alert of a message's locus.

        Raises
        ------
        UnreadableError
            As ``read_locus``; ``no_id`` when nobody knows an LSST alert of it, ``bad_value`` when
            ANTARES's answer makes no sense, ``unanswered`` when it answers, but not for this locus.
        TransientError
            While ANTARES is away: take the message again.
        """
        locus = read_locus(value)
        record = _from_archive(locus)
        if record is not None:
            return Read(record | {"antares": {"locus_id": locus.id}})
        if self._client is None:
            raise UnreadableError("no_id", f"locus {locus.id}: not in our archive, no antares.url")
        # A batch that took too long is taken again: it goes on from here.
        if value not in self._answers:
            self._answers[value] = _of_alerts(locus, self._alerts(self._client, locus))
        return self._answers[value]

    def forget(self) -> None:
        """Begin to count anew: what was read is stored, and comes no more."""
        self._takes.clear()
        self._given_up.clear()
        self._answers.clear()

    def _alerts(self, client: Antares, locus: Locus) -> list[LocusAlert]:
        if locus.id in self._given_up:
            raise UnreadableError("unanswered", self._given_up[locus.id])
        try:
            found = client.alerts(locus.id)
            _require_newest(found, locus)
        except AntaresError as error:
            raise UnreadableError("bad_value", str(error)) from error
        except TransientError as error:
            self._give_up(client, locus, error)
            raise UnreadableError("unanswered", self._given_up[locus.id]) from error
        self._takes.pop(locus.id, None)
        return found

    def _give_up(self, client: Antares, locus: Locus, error: TransientError) -> None:
        """Give a locus up that was asked for often enough, while others are answered for.

        It stays given up until its batch is stored: the next bad one has that taken again. What the
        end of the batch's time cut off says nothing of a locus.
        """
        if bounded.is_over():
            raise error
        self._takes[locus.id] += 1
        if self._takes[locus.id] < MOST_TAKES:
            raise error
        if not client.is_there():
            del self._takes[locus.id]
            raise error
        self._given_up[locus.id] = f"locus {locus.id}: {error}"[:MESSAGE_CHARACTERS]


def _from_archive(locus: Locus) -> dict[str, Any] | None:
    """Return the packet of a locus's newest alert, if the archive has it.

    Raises
    ------
    TransientError
        If it has, and cannot be read just now.
    """
    with transaction() as session, cursor(session) as cur:
        cur.execute(
            "SELECT a.archive_segment_id, a.archive_start, a.archive_length, a.archive_crc32,"
            " a.jd_utc FROM alerts a JOIN objects o ON o.id = a.object_id"
            " WHERE o.survey = %s AND o.object_id = ANY(%s) ORDER BY a.jd_utc DESC LIMIT 1000",
            (SURVEY, list(locus.object_ids)),
            binary=True,
        )
        newest = [Slice(*piece) for *piece, jd_utc in cur if _is_newest(jd_utc, locus.mjd)]
    unread = packets.Unread({}, {})
    found = dict(packets.records({0: newest[0]} if newest else {}, unread))
    if unread.away:
        raise TransientError(unread.away[0])
    return found.get(0)


def _is_newest(jd_utc: float, mjd: float | None) -> bool:
    """Tell whether an alert is the one observed last, where the locus says when that was."""
    return mjd is None or any(abs(jd_utc - each) < SAME_TIME_D for each in _either(mjd))


def _either(mjd: float) -> tuple[float, float]:
    """Return what a time may be as Julian date, UTC.

    LSST's own times are TAI; ANTARES does not say on which scale it repeats them.
    """
    return float(mjd_tai_to_jd_utc(mjd)), mjd + MJD_EPOCH_JD


def _require_newest(alerts: Sequence[LocusAlert], locus: Locus) -> None:
    """Refuse a list that lacks the alert, of whatever survey, that the message was sent for.

    Raises
    ------
    TransientError
        If it does: the messages are ahead of the lists.
    """
    times = [each for alert in alerts for each in _either(alert.mjd)]
    if locus.mjd is not None and not any(_is_newest(time, locus.mjd) for time in times):
        raise TransientError(f"ANTARES does not list the alert of MJD {locus.mjd} yet")


def _of_alerts(locus: Locus, alerts: Sequence[LocusAlert]) -> Read:
    """Return the newest LSST alert of a list, with those before it as its history."""
    sources = [(alert, _dia_source(alert.properties)) for alert in alerts]
    known = [(alert, source) for alert, source in sources if source.get("diaSourceId")]
    if not known:
        raise UnreadableError("no_id", f"ANTARES has no LSST alert of locus {locus.id}")
    (newest, source), earlier = known[0], known[1:]
    record = {
        "diaSourceId": source["diaSourceId"],
        "diaSource": source,
        "prvDiaSources": [each for _, each in earlier],
        "ssSource": {} if source.get("ssObjectId") else None,
        "antares": {"locus_id": locus.id, "alert_id": newest.id},
    }
    return Read(record, is_packet=False, has_thumbnails=True)


def _dia_source(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return Rubin's fields of an alert; numbers beyond 2^53 may come as text."""
    named = {
        name.removeprefix(_PREFIX): value
        for name, value in properties.items()
        if name.startswith(_PREFIX)
    }
    ids = {
        name: int(value)
        for name, value in named.items()
        if name.endswith("Id") and isinstance(value, str) and _ID.fullmatch(value)
    }
    return named | ids
