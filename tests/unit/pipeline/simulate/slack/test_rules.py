import pytest

from pipeline.simulate.slack.rules import problems_of_blocks, problems_of_view


def plain(text):
    return {"type": "plain_text", "text": text}


def button(**changed):
    return {"type": "button", "text": plain("Go"), "action_id": "go"} | changed


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


def section(count, length):
    field = {"type": "mrkdwn", "text": "x" * length}
    return {"type": "section", "fields": [field] * count}


REFUSED = {
    "51 blocks": ([{"type": "divider"}] * 51, "no more than 50"),
    "long header": ([{"type": "header", "text": plain("x" * 151)}], "1 to 150"),
    "header with markup": (
        [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
        "plain_text",
    ),
    "11 fields": ([section(11, 1)], "no more than 10"),
    "long field": ([section(1, 2001)], "1 to 2000"),
    "empty field": ([section(1, 0)], "1 to 2000"),
    "empty section": ([{"type": "section"}], "text or fields"),
    "26 buttons": ([actions(*(button(action_id=str(i)) for i in range(26)))], "1 to 25"),
    "long button": ([actions(button(text=plain("x" * 76)))], "1 to 75"),
    "long value": ([actions(button(value="x" * 2001))], "more than 2000"),
    "same action twice": ([actions(button(), button())], "stands twice"),
    "unknown block": ([{"type": "table"}], "unsupported type 'table'"),
    "unknown style": ([actions(button(style="green"))], "'green' is none"),
    "picture without words": ([{"type": "image", "image_url": "https://e.org/a"}], "alt_text"),
    "same block id": ([{"type": "divider", "block_id": "a"}] * 2, "stands twice"),
    "no list": ({"type": "divider"}, "must be a list"),
}
TAKEN = {
    "50 blocks": [{"type": "divider"}] * 50,
    "long enough": [{"type": "header", "text": plain("x" * 150)}, section(10, 2000)],
    "25 buttons": [actions(*(button(action_id=str(i), value="x" * 2000) for i in range(25)))],
}


@pytest.mark.parametrize("case", REFUSED)
def test_blocks_beyond_a_limit_are_refused(case):
    blocks, words = REFUSED[case]

    assert words in " ".join(problems_of_blocks(blocks))


@pytest.mark.parametrize("case", TAKEN)
def test_blocks_at_a_limit_are_taken(case):
    assert list(problems_of_blocks(TAKEN[case])) == []


def view(**changed):
    element = {"type": "plain_text_input", "action_id": "a"}
    block = {"type": "input", "block_id": "b", "label": plain("Why"), "element": element}
    return {
        "type": "modal",
        "title": plain("Plan"),
        "submit": plain("Go"),
        "blocks": [block],
    } | changed


def test_a_dialog_is_taken():
    assert list(problems_of_view(view())) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"title": plain("x" * 25)}, "1 to 24"),
        ({"submit": plain("")}, "1 to 24"),
        ({"private_metadata": "x" * 3001}, "more than 3000"),
        ({"type": "home"}, "must be a modal"),
        ({"blocks": None}, "must be a list"),
    ],
)
def test_a_dialog_beyond_a_limit_is_refused(changed, words):
    assert words in " ".join(problems_of_view(view(**changed)))


def test_a_dialog_with_inputs_needs_a_button():
    asked = view()
    del asked["submit"]

    assert "submit is required" in " ".join(problems_of_view(asked))
