"""Messages of the public streams: one Avro container per alert, written without a library.

Candidate and properties of a whole batch are encoded at once and stored; a message splices them
with the packed light curves, which already are in the wire's form. Compiled loops write the bytes;
where there is no compiler, NumPy writes the same ones.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from broker.compiled import first_call
from pipeline.alerts import messages, plain_messages, plain_records
from pipeline.alerts.batch import SERIES, Batch, Column, LightCurves
from pipeline.alerts.classify import Classes
from pipeline.alerts.flat_records import Plan
from pipeline.alerts.messages import Alerts, Encoded, Matches
from pipeline.alerts.photstats import PhotStats, StatsPair
from pipeline.alerts.properties import property_columns, property_parts
from pipeline.alerts.schemas import SURVEYS, record_schema
from pipeline.alerts.wire import Part, flat_fields


def encode_candidates(batch: Batch) -> list[bytes]:
    """Return each alert's candidate record, as schemaless Avro of the output schema."""
    columns = batch.candidate | {"band": Column(batch.band, batch.band >= 0)}
    return _write(_CANDIDATE[batch.survey], columns, len(batch))


def encode_properties(
    batch: Batch, classes: Classes, own_stats: PhotStats, multi_stats: PhotStats
) -> list[bytes]:
    """Return each alert's properties record, as schemaless Avro of the output schema.

    Parameters
    ----------
    batch : Batch
        Decoded alerts.
    classes : Classes
        Flags of the flowcharts.
    own_stats, multi_stats : PhotStats
        Features of the own light curve, and of it with the matched object's.
    """
    columns = property_columns(batch, classes, own_stats)
    return _write(_PROPERTIES[batch.survey], columns, len(batch), (own_stats, multi_stats))


def encode_messages(
    alerts: Alerts,
    curves: LightCurves,
    at: NDArray[np.int64],
    matches: Matches | None,
    *,
    max_bytes: int,
) -> Encoded:
    """Return whole messages, and of each whether points were left out to fit ``max_bytes``.

    The oldest forced points go first, then the oldest non-detections; detections stay, so that a
    message may still be too large for the broker, which then says so.

    Parameters
    ----------
    alerts : Alerts
        Ids and stored bytes.
    curves : LightCurves
        Light curves of the alerts' survey.
    at : int64[n]
        Each object's position in ``curves``, −1 for no points.
    matches : Matches or None
        Matched objects of the other survey, None if no alert has one.
    max_bytes : int
        Largest message wanted.
    """
    lay_out = messages.lay_out if compiler.works() else plain_messages.lay_out
    return lay_out(alerts, curves, at, matches, max_bytes) if len(alerts) else Encoded([], [])


def _write(
    plan: Plan, columns: Mapping[str, Column], size: int, stats: StatsPair | None = None
) -> list[bytes]:
    if not size:
        return []
    if compiler.works():
        return plan.write(columns, size, stats)
    return plain_records.write(plan.parts, columns, size, stats)


@first_call
def compiler() -> None:
    """Compile the loops that write records and messages, on no alerts at all."""
    Plan(()).write({}, 0)
    rows, starts = [np.empty(0, dtype) for dtype in SERIES], np.zeros(1, np.int64)
    none = np.empty(0, np.int64)
    curves = LightCurves(SURVEYS[0], none, (rows[0], rows[1], rows[2]), (starts, starts, starts))
    messages.lay_out(Alerts(SURVEYS[0], [], [], [], []), curves, none, None, 0)


def _parts(survey: str) -> Sequence[Part]:
    return flat_fields(record_schema(survey, "candidate"))


_CANDIDATE = {survey: Plan(_parts(survey)) for survey in SURVEYS}
_PROPERTIES = {survey: Plan(property_parts(survey)) for survey in SURVEYS}
