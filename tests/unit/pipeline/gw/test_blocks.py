import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gw import blocks
from tests.block_kit import faults


@given(st.text(), st.integers(10, 100))
def test_no_text_can_mean_anything_to_slack(text, limit):
    escaped = blocks.escape(text, limit)

    assert len(escaped) <= limit
    assert not set("<>\n") & set(escaped)
    for piece in escaped.split("&")[1:]:
        assert piece.startswith(("amp;", "lt;", "gt;"))


def test_an_escape_is_never_cut_in_two():
    assert blocks.escape("&" * 100, 10) == "&amp;…"


def test_a_short_text_stays_as_it_is():
    assert blocks.escape("90 % < 200 deg² & <!channel>") == (
        "90 % &lt; 200 deg² &amp; &lt;!channel&gt;"
    )


@pytest.mark.parametrize(
    ("user", "text"),
    [("U0ABCDEF1", "<@U0ABCDEF1>"), ("bob", "bob"), ("U1> <!here", "U1&gt; &lt;!here")],
)
def test_only_a_user_id_is_mentioned(user, text):
    assert blocks.mention(user) == text


@pytest.mark.parametrize(
    "url", [None, "", "javascript:alert(1)", "https://a b", "https://a|b", "https://" + "x" * 3000]
)
def test_an_address_that_is_none_becomes_no_link(url):
    assert blocks.link_button("see", "open_x", url) is None


def test_a_link_escapes_its_address():
    assert blocks.link("https://x.org/?a=1&b=2", "a > b") == (
        "<https://x.org/?a=1&amp;b=2|a &gt; b>"
    )


def test_lines_that_do_not_fit_are_counted():
    section = blocks.section(["x" * 500] * 20)

    lines = section["text"]["text"].split("\n")
    assert len(lines[:-1]) == 5
    assert lines[-1] == "… and 15 more"


def test_nothing_to_say_is_no_block():
    assert blocks.section([]) is None
    assert blocks.actions([None]) is None


def test_a_table_cannot_be_left():
    assert (
        blocks.table(["a ``` *b* <!here>"])["text"]["text"] == "```\na ''' *b* &lt;!here&gt;\n```"
    )


def test_absurd_texts_stay_within_slacks_limits():
    long = "&<>*_~`\n" * 2000
    message = blocks.message(
        long,
        blocks.header(long),
        blocks.section([blocks.escape(long)] * 500),
        blocks.table([long[:900]] * 100),
        blocks.fields([(blocks.escape(long), blocks.escape(long))] * 30),
        blocks.context(blocks.escape(long)),
        blocks.actions([blocks.button(long, "act", long)] * 40),
        *[blocks.divider()] * 60,
    )

    assert faults(message) == []
