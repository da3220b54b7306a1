"""The environment of this run: what points at its parts, and what its children inherit."""

import os
from collections.abc import Mapping


def point_at(settings: Mapping[str, str]) -> None:
    """Set settings for this process and its children; they are stronger than a developer's .env."""
    os.environ.update(settings)  # noqa: TID251 of the run, not of the project


def inherited(*settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: ours, and these settings, of which the last prevail."""
    found = dict(os.environ)  # noqa: TID251 handed on
    for one in settings:
        found |= one
    return found
