"""What arrived of an observation: its page, its pieces, and the same by REST."""

import html

import pytest
from django.test import Client

from accounts import staff_tokens
from pipeline.telescope import observed
from pipeline.telescope.data_tables import TelescopeDataRaw
from tests.integration.console.conftest import signed_in

pytestmark = pytest.mark.integration

PAGE = "/telescopes/observations/"
REST = "/api/telescope/observations/"


@pytest.fixture
def arrived(session):
    """Return a function that stores a piece of an observation."""

    def store(number, data=b"\0spectrum", observation_id="obs/1 a", **more):
        values = {
            "data_id": f"beam-{observation_id}-{number:06d}",
            "observation_id": observation_id,
            "sequence_number": number,
            "timestamp": 1_763_700_000_000 + number,
            "data": data,
        }
        session.add(TelescopeDataRaw(**values | more))
        session.commit()

    return store


def text(answer):
    return html.unescape(answer.content.decode())


def test_a_page_shows_pieces_in_sequence_and_says_how_many_are_missing(operator, arrived):
    for number in (4, 1, 2):
        arrived(number)
    arrived(9, observation_id="another")

    page = text(operator.get(f"{PAGE}obs/1%20a"))

    assert page.index("-000001<") < page.index("-000002<") < page.index("-000004<")
    assert "another" not in page
    assert "<dt>Pieces of data</dt><dd>3</dd>" in page
    assert "<dt>Sequence</dt><dd>1 to 4</dd>" in page
    assert "<dt>Missing between</dt><dd>1</dd>" in page
    assert "2025-11-21 04:40:00 UTC" in page


def test_a_piece_is_given_as_it_came_under_a_name_that_any_disk_takes(operator, arrived):
    arrived(1, bytes(range(256)), data_id='a/"b"\n')

    answer = operator.get(f"{PAGE}obs/1%20a", {"data_id": 'a/"b"\n'})

    assert answer.content == bytes(range(256))
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="a__b__.bin"'


def test_two_pieces_with_one_number_hide_no_gap(operator, arrived):
    arrived(1)
    arrived(2)
    arrived(2, data_id="beam-again")
    arrived(4)

    page = text(operator.get(f"{PAGE}obs/1%20a"))

    assert "<dt>Pieces of data</dt><dd>4</dd>" in page
    assert "<dt>Missing between</dt><dd>1</dd>" in page


def test_a_piece_without_bytes_is_listed_and_cannot_be_taken(operator, arrived):
    arrived(1, None)

    assert '<td class="num">none</td>' in text(operator.get(f"{PAGE}obs/1%20a"))
    answer = operator.get(f"{PAGE}obs/1%20a", {"data_id": "beam-obs/1 a-000001"})
    assert answer.status_code == 404


def test_a_piece_of_another_observation_is_not_given(operator, arrived):
    arrived(1)
    arrived(1, observation_id="another")

    answer = operator.get(f"{PAGE}another", {"data_id": "beam-obs/1 a-000001"})

    assert answer.status_code == 404


def test_what_nobody_asked_for_nor_sent_is_not_found(operator, beam):
    assert operator.get(f"{PAGE}nothing").status_code == 404
    assert operator.get(f"{PAGE}%00").status_code in {400, 404}
    assert operator.get(f"{PAGE}x", {"data_id": "\0"}).status_code in {400, 404}


def test_a_command_leads_to_its_data_which_may_still_be_missing(operator, command, arrived):
    row = command()
    page = text(operator.get(f"/telescopes/commands/{row.command_id}"))
    assert f'href="{PAGE}{row.observation_id}"' in page
    assert "<dt>pieces of data</dt><dd>0</dd>" in page

    empty = text(operator.get(f"{PAGE}{row.observation_id}"))
    assert "No data of it has arrived" in empty
    assert row.command_id[-12:] in empty

    arrived(1, observation_id=row.observation_id)
    page = text(operator.get(f"/telescopes/commands/{row.command_id}"))
    assert "<dt>pieces of data</dt><dd>1</dd>" in page


def test_who_is_no_operator_sees_nothing(db, arrived):
    arrived(1)

    assert signed_in(None).get(f"{PAGE}obs/1%20a").status_code == 403


def test_rest_pages_through_the_pieces_and_gives_their_bytes(operator, arrived, monkeypatch):
    monkeypatch.setattr(observed, "PAGE_SIZE", 2)
    for number in (3, 1, 2):
        arrived(number, b"%d" % number)

    first = operator.get(f"{REST}obs/1%20a/data").json()
    second = operator.get(f"{REST}obs/1%20a/data", {"page": first["next"]}).json()

    assert [each["sequence_number"] for each in [*first["data"], *second["data"]]] == [1, 2, 3]
    assert (first["count"], second["next"]) == (3, None)
    assert first["data"][0] == {
        "data_id": "beam-obs/1 a-000001",
        "sequence_number": 1,
        "timestamp": 1_763_700_000_001,
        "size_bytes": 1,
        "processed": False,
    }
    piece = {"data_id": "beam-obs/1 a-000003"}
    assert operator.get(f"{REST}obs/1%20a/payload", piece).content == b"3"
    piece = {"data_id": "beam-obs/1 a-000004"}
    assert operator.get(f"{REST}obs/1%20a/payload", piece).status_code == 404


def test_a_program_of_an_operator_may_and_a_stranger_may_not(operator, arrived):
    arrived(1)
    user = operator.get("/telescopes").wsgi_request.user
    secret = staff_tokens.new_staff_token(user, "reduction", 1)[1]

    def asks(**headers):
        client = Client(headers={"host": "localhost", **headers})
        return client.get(f"{REST}obs/1%20a/data").status_code

    assert asks(authorization=f"Bearer {secret}") == 200
    assert asks(authorization="Bearer njst_nobody") == 401
    assert asks() == 401
