"""Stop telescopes: each in a transaction of its own, and none that fails keeps another running."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from broker.shown import shown
from pipeline.telescope import ledger
from pipeline.telescope.ledger import Act
from pipeline.telescope.record import Telescope

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Stopped:
    """What became of a wish to stop a telescope.

    Attributes
    ----------
    telescope : Telescope
        Which.
    acts : sequence of Act
        What was done to each of its commands.
    failure : str
        Why it goes on; empty: it was stopped.
    """

    telescope: Telescope
    acts: Sequence[Act] = ()
    failure: str = ""


def stop_each(telescopes: Iterable[Telescope], by: str, why: str) -> list[Stopped]:
    """Stop telescopes one after the other, as ``ledger.stop``; say which of them could not be."""
    return [_stopped(each, by, why) for each in telescopes]


def complaint(done: Sequence[Stopped]) -> str:
    """Return in words which telescopes were not stopped; empty: all were."""
    names = ", ".join(each.telescope.title for each in done if each.failure)
    return f"{names} could not be stopped and may go on: try again" if names else ""


def _stopped(telescope: Telescope, by: str, why: str) -> Stopped:
    try:
        return Stopped(telescope, ledger.stop(telescope.name, by, why))
    except Exception as error:
        log.exception("telescope.not_stopped", telescope=telescope.name)
        first = next(iter(str(error).splitlines()), "")
        return Stopped(telescope, failure=shown(first or type(error).__name__))
