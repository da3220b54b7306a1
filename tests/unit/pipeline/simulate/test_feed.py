import time

from pipeline.simulate import feed
from tests.unit.pipeline.simulate import readings


def test_a_folder_holds_one_file_per_packet_by_topic(tmp_path):
    packets, seen = readings.small_night()[:12], []

    feed.to_folder(packets, tmp_path, 0, seen.extend)

    assert seen == list(packets)
    for packet in packets:
        (file,) = (tmp_path / packet.topic).glob(f"{packet.truth.number:07d}.*")
        assert file.read_bytes() == packet.value


def test_at_no_rate_portions_are_full():
    portions = list(feed.paced(readings.small_night()[:250], 0))

    assert [len(portion) for portion in portions] == [100, 100, 50]


def test_at_a_rate_portions_are_a_tenth_of_a_second(monkeypatch):
    clock = iter(range(1000))
    slept = []
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) * 0.001)
    monkeypatch.setattr(time, "sleep", slept.append)

    portions = list(feed.paced(readings.small_night()[:100], 200))

    assert {len(portion) for portion in portions} == {20}
    # Portion n is due n × 0.1 s after the start; the clock of this test moves 1 ms a look.
    assert [round(pause, 3) for pause in slept] == [0.0, 0.098, 0.197, 0.296, 0.395]
