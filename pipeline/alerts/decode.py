"""Packets of one range become a columnar batch; what cannot be read is named, never lost."""

from collections.abc import Sequence

from broker.kafka_types import Packet
from pipeline.alerts.batch import Batch, Rejected
from pipeline.surveys import survey


def decode(survey_name: str, packets: Sequence[Packet]) -> tuple[Batch, list[Rejected]]:
    """Decode packets of one survey.

    Parameters
    ----------
    survey_name : str
        ``ztf`` or ``lsst``.
    packets : sequence of Packet
        Raw messages in order of offset; there may be none.

    Returns
    -------
    Batch, list of Rejected
        Together every packet once, each in order of offset. Two packets of one alert both stay in
        the batch: which of them counts is decided where alerts are stored.
    """
    return survey(survey_name).decode(packets)
