"""What others write, as far as people are shown it: a text may have a megabyte."""

MOST_CHARACTERS = 300
MOST_ITEMS = 5


def shown(text: str) -> str:
    """Return a text, or its beginning and how long it is."""
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}… ({len(text)} characters)"


def listed(texts: list[str]) -> str:
    """Return some texts as one, and how many more there are."""
    some = "; ".join(shown(text) for text in texts[:MOST_ITEMS])
    more = len(texts) - MOST_ITEMS
    return f"{some}; and {more} more" if more > 0 else some
