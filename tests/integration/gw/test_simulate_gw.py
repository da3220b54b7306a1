"""Mock events from the command, taken by the listener's own code."""

from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from broker.kafka import RangeReader, own_connection
from pipeline.gw.notices import read_notice
from pipeline.topics import notice_stream

pytestmark = pytest.mark.integration


def test_a_name_that_looks_real_is_refused(tmp_path):
    with pytest.raises(CommandError, match="begins with MS"):
        call_command("simulate_gw", "--name", "S261121a", "--to", str(tmp_path))


def test_notices_can_be_written_into_a_folder(tmp_path):
    call_command("simulate_gw", "retracted", "--name", "MS1", "--to", str(tmp_path), "--gap", "60")

    first, second = (read_notice(path.read_bytes()) for path in sorted(tmp_path.iterdir()))
    assert (first.alert_type, second.alert_type) == ("PRELIMINARY", "RETRACTION")
    assert (second.time_created - first.time_created).total_seconds() == 60


def test_notices_reach_the_topic_in_their_order(kafka, make_topic, monkeypatch):
    topic = make_topic()
    stream = replace(notice_stream("igwn"), topics=(topic,))
    monkeypatch.setattr("pipeline.topics.notice_stream", lambda _: stream)

    call_command("simulate_gw", "--name", "MS2", "--gap", "0")

    reader = RangeReader(own_connection(), "nightjar-")
    read = reader.read(topic, 0, 0, 1)
    reader.close()
    types = [read_notice(packet.value).alert_type for packet in read.packets]
    assert types == ["PRELIMINARY", "UPDATE"]
