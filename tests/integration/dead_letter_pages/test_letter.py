"""One dead letter looked into: its packet, decoded and as it is; nothing in it runs."""

import re

import pytest

from tests.factories import make_dead_letter
from tests.integration.dead_letter_pages.letters import EVIL, LIST, PACKET, act

pytestmark = pytest.mark.integration


def test_a_packet_is_shown_up_to_the_byte_that_broke_it(staff, archived):
    letter = archived(PACKET[:-50], reason="truncated")

    html = staff.get(f"{LIST}{letter.id}/change/").text

    assert "Avro object container" in html
    assert '<th scope="row" class="packet-depth-0">candid</th><td>77</td>' in html
    assert re.search(r"byte \d+ of the packet, in <b>tail</b>: 40 bytes are announced, 6 are", html)
    assert "<mark>" in html


def test_markup_in_a_packet_does_not_run(staff, archived):
    letter = archived(message=EVIL, object_id=EVIL, note=EVIL, traceback=EVIL)

    for url in (LIST, f"{LIST}{letter.id}/change/"):
        html = staff.get(url).text
        assert EVIL not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_markup_does_not_run_on_the_page_that_asks_why(staff, archived):
    letter = archived(message=EVIL)

    html = act(staff, "ignore", [letter.id]).text

    assert EVIL not in html
    assert "&lt;script&gt;" in html


def test_a_packet_that_decodes_says_why_it_was_buried_all_the_same(staff, archived):
    html = staff.get(f"{LIST}{archived(message='jd is NaN').id}/change/").text

    assert "decode to the last one. It was buried for what they say: jd is NaN" in html


def test_a_packet_whose_decoding_dies_still_has_a_page(staff, archived, monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")

    html = staff.get(f"{LIST}{archived(reason='worker_died').id}/change/").text

    assert "decoding ended its process (exit 1): this packet is not shown decoded" in html
    assert "00000000  4f 62 6a 01" in html


def test_a_packet_is_downloaded_as_it_is_and_never_opened(staff, archived):
    answer = staff.get(f"{LIST}{archived().id}/packet")

    assert answer.content == PACKET
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_letter_without_its_segment_says_so(staff, archived):
    letter = archived()
    archived.file.unlink()

    html = staff.get(f"{LIST}{letter.id}/change/").text

    assert "is not on this machine, or expired." in html
    assert "Read it from Kafka" in html
    assert staff.get(f"{LIST}{letter.id}/packet").status_code == 404


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(lambda data: data[:-9], "ends before the packet does"), (bytes.upper, "is damaged")],
    ids=["short", "damaged"],
)
def test_a_segment_that_is_not_as_written_says_so(staff, archived, spoil, words):
    letter = archived()
    archived.file.write_bytes(spoil(PACKET))

    assert words in staff.get(f"{LIST}{letter.id}/change/").text


def test_an_interval_has_no_packet(staff, session, source):
    letter = make_dead_letter(session, source, last_offset=52, reason="expired_offsets")

    html = staff.get(f"{LIST}{letter.id}/change/").text

    assert "It stands for 10 offsets, not for one packet." in html
    assert "Read it from Kafka" not in html


def test_a_letter_that_was_never_archived_says_so(staff, session, source):
    letter = make_dead_letter(session, source, reason="worker_died", sha256=None)

    assert "buried before it was archived" in staff.get(f"{LIST}{letter.id}/change/").text


@pytest.mark.parametrize("key", ["999999", "0"])
def test_a_letter_that_is_not_there_is_no_error(staff, session, key):
    assert staff.get(f"{LIST}{key}/change/").status_code == 302
    assert staff.get(f"{LIST}{key}/packet").status_code == 404
