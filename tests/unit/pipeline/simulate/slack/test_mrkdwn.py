import pytest

from pipeline.simulate.slack.mrkdwn import to_html

PEOPLE = {"U0TEAM": "Subra"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* _leaning_ ~gone~", "<strong>bold</strong> <em>leaning</em> <s>gone</s>"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
        ("90 % &lt; 100 &amp; more", "90 % &lt; 100 &amp; more"),
        ("`*code*`", "<code>*code*</code>"),
        ("a\nb", "a<br>b"),
        ("<@U0TEAM>", '<span class="mention">@Subra</span>'),
        (
            "<https://e.org/?a=1&amp;b=2|map>",
            '<a href="https://e.org/?a=1&amp;b=2" rel="noreferrer">map</a>',
        ),
        ("<!date^1700000000^{date}|x>", "<time>2023-11-14 22:13 UTC</time>"),
        (":bell: :unknown:", "🔔 :unknown:"),
    ],
)
def test_markup_becomes_html(text, html):
    assert to_html(text, PEOPLE) == html


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "<javascript:alert(1)|x>", "`<img src=x>`", '<@"><b>']
)
def test_nobody_brings_html_of_his_own(text):
    html = to_html(text, PEOPLE)

    assert not any(tag in html for tag in ("<script", "<img", "<b>", "href"))
