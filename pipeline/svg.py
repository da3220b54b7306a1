"""Elements of SVG as text: no script, no style sheet, so that any content policy admits them."""

from html import escape


def picture(width_px: float, height_px: float, content: str) -> str:
    """Return an ``<svg>`` that holds markup; its first element should be its title."""
    return element(
        "svg",
        content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width_px} {height_px}",
        width=width_px,
        height=height_px,
        role="img",
        font_size=12,
        font_family="sans-serif",
        fill="currentColor",
    )


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """Return a line in the colour of the text."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **{"stroke": "currentColor", **attributes})


def tag(name: str, text: str = "", /, **attributes: object) -> str:
    """Return an element that holds text."""
    return element(name, escape(text), **attributes)


def element(name: str, content: str, /, **attributes: object) -> str:
    """Return an element that holds markup; ``font_size`` becomes ``font-size``."""
    words = "".join(
        f' {key.replace("_", "-")}="{_number(value)}"' for key, value in attributes.items()
    )
    return f"<{name}{words}>{content}</{name}>"


def _number(value: object) -> str:
    """Return a coordinate to a tenth of a pixel, anything else as text."""
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
