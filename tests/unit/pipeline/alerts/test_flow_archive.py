"""No packet's bytes can make a disk fail: whatever the archive says, the range waits."""

import errno
from datetime import date
from types import SimpleNamespace

import pytest

from broker.errors import TransientError
from broker.kafka_types import Packet
from pipeline.alerts import reading


@pytest.mark.parametrize(
    "number",
    [errno.ENOSPC, errno.EFBIG, errno.EACCES, errno.EMFILE, errno.ESTALE, errno.ENOENT],
    ids=errno.errorcode.get,
)
def test_a_range_that_cannot_be_archived_waits(number):
    def append(*_):
        raise OSError(number, "no")

    survey = SimpleNamespace(name="ztf", night=lambda _: date(2026, 8, 1))
    resources = SimpleNamespace(archive=lambda: SimpleNamespace(append=append))
    source = SimpleNamespace(id=1, partition=0)
    work = SimpleNamespace(survey=survey, resources=resources, source=source, replay=None)

    with pytest.raises(TransientError, match="archive"):
        reading.archive(work, [Packet(1, 0, b"x")])
