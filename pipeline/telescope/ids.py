"""Ids of commands and observations: UUIDs of version 7, which sort by the time they were made."""

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562): milliseconds, then their fraction in 12 bits."""
    now_ns = time.time_ns()
    milliseconds, rest_ns = divmod(now_ns, 1_000_000)
    fraction = rest_ns * 4096 // 1_000_000
    number = (milliseconds << 80) | (0x7 << 76) | (fraction << 64)
    number |= (0b10 << 62) | secrets.randbits(62)
    return uuid.UUID(int=number)


def new_command_id() -> str:
    """Return the id of a new command."""
    return f"cmd-{uuid7()}"


def new_observation_id(telescope: str) -> str:
    """Return the id of a new observation: no two telescopes have the same."""
    return f"{telescope}-{uuid7()}"
