"""Dead letters ignored, by whom and why."""

import pytest
from django.contrib.admin.models import LogEntry

from broker.dead_letters import DeadLetter
from pipeline.admin import dead_letters as pages
from tests.factories import make_dead_letter
from tests.integration.dead_letter_pages.letters import act, state_of

pytestmark = pytest.mark.integration


def test_ignoring_asks_for_a_reason_first(operator, session, source):
    letter = make_dead_letter(session, source)

    html = act(operator, "ignore", [letter.id]).text

    assert "Ignore 1 letter" in html
    assert '<textarea name="why"' in html
    assert state_of(session, letter) == "open"


@pytest.mark.parametrize("why", ["", "  \n"], ids=["empty", "blank"])
def test_ignoring_without_a_reason_is_refused(operator, session, source, why):
    letter = make_dead_letter(session, source)

    answer = act(operator, "ignore", [letter.id], why=why)

    assert "This field is required." in answer.text
    assert (state_of(session, letter), LogEntry.objects.count()) == ("open", 0)


def test_ignoring_stores_who_and_why_and_leaves_a_row_of_audit(operator, session, source):
    letter = make_dead_letter(session, source)

    answer = act(operator, "ignore", [letter.id], why="test night", back_to=letter.id)

    session.expire_all()
    row = session.get(DeadLetter, letter.id)
    assert (row.state, row.resolved_by, row.note) == ("ignored", "ada", "test night")
    [entry] = LogEntry.objects.all()
    assert (entry.object_id, entry.user.username) == (str(letter.id), "ada")
    assert "<td>Ignored: test night</td>" in answer.text


def test_a_letter_that_comes_while_the_reason_is_written_stays_open(operator, session, source):
    seen = make_dead_letter(session, source, source_offset=1, last_offset=1)
    late = make_dead_letter(session, source, source_offset=2, last_offset=2)

    act(
        operator, "ignore", [seen.id], "?state__exact=open", select_across="1", newest=seen.id,
        why="test night",
    )  # fmt: skip

    assert (state_of(session, seen), state_of(session, late)) == ("ignored", "open")


def test_one_action_takes_a_bounded_number(operator, session, source, retries, monkeypatch):
    monkeypatch.setattr(pages, "MAX_IGNORED", 2)
    letters = [
        make_dead_letter(session, source, source_offset=at, last_offset=at) for at in range(3)
    ]

    answer = act(operator, "ignore", [each.id for each in letters], why="test night")

    assert "2 letters ignored" in answer.text
    assert "1 letter more wait" in answer.text
    assert [state_of(session, each) for each in letters] == ["ignored", "ignored", "open"]
