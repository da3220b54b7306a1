"""A flowchart as SVG: one column, so that it can be read on a phone."""

from dataclasses import dataclass
from textwrap import wrap

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pipeline.alerts.explain import Chart

WIDTH = 360
BOX_LEFT, BOX_WIDTH = 4, 352
LINE = 19
PAD = 12
LETTERS = 44
"""Letters of a line in a box."""
PILL_WIDTH, PILL_HEIGHT = 118, 30
STEP = 58
"""From the bottom of a box to the top of the next."""
PILL_LEFT = WIDTH - PILL_WIDTH - 4
DOWN_X = 70


@dataclass(frozen=True)
class Drawn:
    """A chart ready for a page."""

    survey: str
    svg: SafeString
    steps: tuple[tuple[str, str, str], ...]
    """Class, question and expression of each step, for who cannot see the drawing."""
    otherwise: str


def draw(chart: Chart) -> Drawn:
    """Return a chart's drawing, and its words."""
    y = 2
    parts: list[SafeString] = []
    for step in chart.steps:
        lines = wrap(f"{step.question}?", LETTERS)
        height = 2 * PAD + LINE * len(lines)
        parts.append(_box(y, height, lines))
        y += height
        parts.append(_branch(y, step.alert_class))
        y += STEP
    parts.append(_pill(BOX_LEFT, y, chart.otherwise))
    y += PILL_HEIGHT + 2
    title = f"How {chart.survey.upper()} alerts get their class"
    svg = format_html(
        '<svg class="chart flow" viewBox="0 0 {} {}" width="{}" height="{}" role="img"'
        ' aria-labelledby="chart-{}"><title id="chart-{}">{}</title>{}</svg>',
        WIDTH,
        y,
        WIDTH,
        y,
        chart.survey,
        chart.survey,
        title,
        format_html_join("", "{}", ((part,) for part in parts)),
    )
    steps = tuple((step.alert_class, step.question, step.expression) for step in chart.steps)
    return Drawn(chart.survey, svg, steps, chart.otherwise)


def _box(y: int, height: int, lines: list[str]) -> SafeString:
    text = format_html_join(
        "",
        '<tspan x="{}" y="{}">{}</tspan>',
        ((BOX_LEFT + PAD, y + PAD + LINE * at + 14, line) for at, line in enumerate(lines)),
    )
    return format_html(
        '<rect class="box" x="{}" y="{}" width="{}" height="{}" rx="8"></rect>'
        '<text class="words">{}</text>',
        BOX_LEFT,
        y,
        BOX_WIDTH,
        height,
        text,
    )


def _branch(y: int, alert_class: str) -> SafeString:
    """Return the two ways out of a box: yes to a class on the right, no further down."""
    middle = y + 14 + PILL_HEIGHT // 2
    return format_html(
        '<path class="way" d="M{} {}V{}"></path>{}<text class="way-word" x="{}" y="{}">no</text>'
        '<path class="way" d="M{} {}V{}H{}"></path>{}'
        '<text class="way-word" x="{}" y="{}">yes</text>{}',
        DOWN_X,
        y,
        y + STEP - 6,
        _arrow(DOWN_X, y + STEP, is_down=True),
        DOWN_X + 8,
        y + 34,
        PILL_LEFT - 60,
        y,
        middle,
        PILL_LEFT - 6,
        _arrow(PILL_LEFT, middle, is_down=False),
        PILL_LEFT - 50,
        middle - 6,
        _pill(PILL_LEFT, y + 14, alert_class),
    )


def _arrow(x: int, y: int, *, is_down: bool) -> SafeString:
    points = (
        f"{x},{y} {x - 5},{y - 9} {x + 5},{y - 9}"
        if is_down
        else (f"{x},{y} {x - 9},{y - 5} {x - 9},{y + 5}")
    )
    return format_html('<polygon class="arrow" points="{}"></polygon>', points)


def _pill(x: int, y: int, alert_class: str) -> SafeString:
    return format_html(
        '<rect class="pill" x="{}" y="{}" width="{}" height="{}" rx="15"></rect>'
        '<text class="pill-word" x="{}" y="{}" text-anchor="middle">{}</text>',
        x,
        y,
        PILL_WIDTH,
        PILL_HEIGHT,
        x + PILL_WIDTH // 2,
        y + 20,
        alert_class,
    )
