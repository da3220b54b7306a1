"""Why people do what they do: asked of them, and kept beside their name."""

LONGEST_REASON = 500
"""Characters of a reason."""
