"""Users' filters in a range: asked of what the public topics get, as it is about to be stored."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from pipeline.alerts.batch import Batch
from pipeline.alerts.store import Decided
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC, OUTPUT_USER_FILTERS
from pipeline.alerts.work import RangeWork
from pipeline.user_filters import deliver, live
from pipeline.user_filters.deliver import Stored
from pipeline.user_filters.live import Caught
from pipeline.user_filters.stored import Rows


@dataclass(frozen=True)
class Filtered:
    """What users' filters say of a batch.

    Attributes
    ----------
    decided : Decided
        With the output bit of what was caught.
    at : int64[m]
        Which alerts they were asked about.
    caught : Caught or None
        None: nobody was asked.
    """

    decided: Decided
    at: NDArray[np.int64]
    caught: Caught | None = None


def judge(work: RangeWork, batch: Batch, decided: Decided) -> Filtered:
    """Ask the live filters about the alerts that go to a public topic.

    They read the very bytes that are stored, so that a trial of the same night sees the same.
    A range that publishes nothing asks nobody.
    """
    at = np.flatnonzero(decided.outputs & OUTPUT_CLASS_TOPIC)
    if not work.filters or not len(at) or work.is_silent:
        return Filtered(decided, at)
    caught = live.judge(work.filters, _rows(batch, decided, at), live.watch.meter)
    outputs = decided.outputs.copy()
    outputs[at[caught.any]] |= OUTPUT_USER_FILTERS
    return Filtered(replace(decided, outputs=outputs), at, caught)


def record(
    session: Session,
    work: RangeWork,
    batch: Batch,
    filtered: Filtered,
    first: NDArray[np.int64],
    inserted: Mapping[int, int],
) -> int:
    """Let what was caught among new alerts wait for its topics; return how many messages do.

    Parameters
    ----------
    session : Session
        Of transaction A2.
    work, batch, filtered : RangeWork, Batch, Filtered
        The range, its alerts, and what was said of them.
    first : int64[k]
        The first packet of each alert of the batch.
    inserted : mapping of int to int
        candid → ``alerts.id`` of new alerts.
    """
    if filtered.caught is None or not (filtered.caught.masks or filtered.caught.failed):
        return 0
    is_first = np.zeros(len(batch), bool)
    is_first[first] = True
    candids = batch.candid[filtered.at].tolist()
    is_new = np.array([candid in inserted for candid in candids], bool) & is_first[filtered.at]
    at = np.flatnonzero(is_new)
    stored = Stored(
        at=at,
        alert_id=np.array([inserted[candids[i]] for i in at.tolist()], np.int64),
        candid=batch.candid[filtered.at[at]],
        night=[work.survey.night_of_jd(jd) for jd in batch.jd_utc[filtered.at[at]].tolist()],
    )
    most = work.settings.user_filters.messages_per_night
    return deliver.record(session, batch.survey, filtered.caught, stored, most)


def _rows(batch: Batch, decided: Decided, at: NDArray[np.int64]) -> Rows:
    """Return what is stored of alerts; the score as Postgres keeps it, in single precision."""
    indices = at.tolist()
    return Rows(
        survey=batch.survey,
        candid=batch.candid[at],
        object_id=batch.object_id[at].tolist(),
        alert_class=decided.alert_class[at].tolist(),
        has_match=decided.match_id[at] >= 0,
        score=batch.score[at].astype(np.float32).astype(np.float64),
        candidate=[decided.candidates[i] for i in indices],
        properties=[decided.properties[i] for i in indices],
    )
