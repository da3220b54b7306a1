"""What a simulated telescope does with a command, and when; nothing here speaks to anybody."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import numpy as np
from nightjar_telescope import AckStatus, TelescopeCommand

COMPONENTS = ("mount", "receiver", "recorder")
"""Each tells how it is."""
RECEIVED_S, STARTED_S = 0.05, 0.3
"""So long after a command came it is received, and started: sped up by nobody."""
PROGRESS_PERCENT = (25, 50, 75)
FAILED_AT = 0.6
"""Share of the observation after which one fails that fails."""
WEATHER, RECEIVER = "weather", "receiver"
"""Codes of what a simulated telescope rejects and fails for."""


@dataclass(frozen=True)
class Manners:
    """How a simulated telescope behaves; shares are from 0 to 1.

    Attributes
    ----------
    speed : float
        Integration times are divided by it.
    seed : int
        Of all that is drawn.
    reject, fail, silent : float
        Share of the commands that are rejected, that fail half-way, that are never answered.
    late_s : float
        Acknowledgments are sent so much later [s].
    duplicate : float
        Share of the acknowledgments and data that are sent twice.
    is_shuffled : bool
        The acknowledgments of a command come in any order.
    garbage : float
        Share of the acknowledgments and data before which bytes come that are none.
    chunks, chunk_bytes : int
        Pieces of data of each observation, and their length [bytes].
    """

    speed: float = 1.0
    seed: int = 1
    reject: float = 0.0
    fail: float = 0.0
    silent: float = 0.0
    late_s: float = 0.0
    duplicate: float = 0.0
    is_shuffled: bool = False
    garbage: float = 0.0
    chunks: int = 10
    chunk_bytes: int = 4096


class Act(NamedTuple):
    """One thing that is done.

    Attributes
    ----------
    at_s : float
        After the command came [s].
    status : AckStatus or None
        What is acknowledged; None: a piece of data is sent.
    chunk : int
        Which piece.
    progress_percent : float or None
        How much is done.
    ends_in_s : float or None
        The estimate that goes with it: so long after the act [s].
    error_code : str or None
        Why it ends.
    """

    at_s: float
    status: AckStatus | None = None
    chunk: int = 0
    progress_percent: float | None = None
    ends_in_s: float | None = None
    error_code: str | None = None


def script(command: TelescopeCommand, manners: Manners) -> list[Act]:
    """Return what is done with a command that starts an observation, by time.

    The same seed and ``command_id`` give the same acts.
    """
    request = command.observation_request
    if request is None:
        return [Act(RECEIVED_S, AckStatus.REJECTED, error_code="no_observation")]
    draw = Random(f"{manners.seed} {command.command_id}")  # noqa: S311 nobody is to be kept from guessing
    is_silent, is_rejected, is_failing = (
        draw.random() < share for share in (manners.silent, manners.reject, manners.fail)
    )
    if is_silent:
        return []
    if is_rejected:
        rejected = Act(RECEIVED_S, AckStatus.REJECTED, error_code=WEATHER)
        return _sorted(_later([rejected], manners.late_s))
    acks = _acknowledgments(request.integration_time / manners.speed, is_failing=is_failing)
    end_s = acks[-1].at_s
    if manners.is_shuffled:
        acks = _shuffled(acks, draw)
    duration_s = request.integration_time / manners.speed
    chunks = [
        Act(STARTED_S + duration_s * (number + 1) / (manners.chunks + 1), chunk=number)
        for number in range(manners.chunks)
    ]
    return _sorted([*_later(acks, manners.late_s), *(one for one in chunks if one.at_s <= end_s)])


def spectrum(observation_id: str, chunk: int, manners: Manners) -> bytes:
    """Return a piece of data: noise in little-endian 32-bit floats, mean 0, deviation 1."""
    seed = (manners.seed, zlib.crc32(observation_id.encode()), chunk)
    count = -(-manners.chunk_bytes // 4)
    noise = np.random.default_rng(seed).standard_normal(count, np.float32)
    return noise.astype("<f4").tobytes()[: manners.chunk_bytes]


def _acknowledgments(duration_s: float, *, is_failing: bool) -> list[Act]:
    received = Act(RECEIVED_S, AckStatus.RECEIVED)
    started = Act(STARTED_S, AckStatus.STARTED, ends_in_s=duration_s)
    steps = [
        Act(
            STARTED_S + duration_s * percent / 100,
            AckStatus.STARTED,
            progress_percent=float(percent),
            ends_in_s=duration_s * (1 - percent / 100),
        )
        for percent in PROGRESS_PERCENT
    ]
    if not is_failing:
        end = Act(STARTED_S + duration_s, AckStatus.COMPLETED, progress_percent=100.0)
        return [received, started, *steps, end]
    failed = Act(STARTED_S + FAILED_AT * duration_s, AckStatus.FAILED, error_code=RECEIVER)
    return [received, started, *(step for step in steps if step.at_s < failed.at_s), failed]


def _shuffled(acts: Sequence[Act], draw: Random) -> list[Act]:
    times = [act.at_s for act in acts]
    draw.shuffle(times)
    return [act._replace(at_s=at_s) for act, at_s in zip(acts, times, strict=True)]


def _later(acts: Sequence[Act], late_s: float) -> list[Act]:
    return [act._replace(at_s=act.at_s + late_s) for act in acts]


def _sorted(acts: Sequence[Act]) -> list[Act]:
    return sorted(acts, key=lambda act: act.at_s)
