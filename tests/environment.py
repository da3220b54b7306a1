"""The environment of this run: what points at its parts, and what its children inherit."""

import os
from collections.abc import Mapping

FOREIGN = ("PYTHON", "NIGHTJAR_", "BABAMUL_", "VIRTUAL_ENV")
"""What would let our packages, or a person's account, into somebody's program."""

ALONE = {"NIGHTJAR_TOML": os.devnull, "NIGHTJAR_SELECTED__WIRE": "container"}
"""No setting of a developer's, and no schema registry but where a test starts one."""


def point_at(settings: Mapping[str, str]) -> None:
    """Set settings for this process and its children; they are stronger than a developer's .env."""
    os.environ.update(settings)


def inherited(*settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child: ours, and these settings, of which the last prevail."""
    found = dict(os.environ)
    for one in settings:
        found |= one
    return found


def of_a_stranger(**settings: str) -> dict[str, str]:
    """Return the environment of a person's program: ours without ours, and these settings."""
    kept = {name: text for name, text in inherited().items() if not name.startswith(FOREIGN)}
    return kept | settings
