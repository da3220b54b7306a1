"""The telescopes' schemas, registered when their listener starts or the registry is back."""

import time
from collections.abc import Callable

import structlog

from broker.errors import TransientError
from pipeline.telescope.registration import Registry, Wanted, register

AGAIN_S = 60.0
"""A registry that was away is left in peace for so long: acknowledgments must not wait for it."""

log = structlog.get_logger(__name__)


class Registrar:
    """Registers once; whoever calls it often asks an absent registry once a minute.

    Parameters
    ----------
    registry : Registry
        Ours.
    wanted : sequence of (str, type of Message)
        As ``registration.subjects`` returns it.
    clock : callable
        Seconds of a monotonic clock.
    """

    def __init__(
        self, registry: Registry, wanted: Wanted, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._wanted = wanted
        self._clock = clock
        self._is_done = False
        self._not_before = clock()

    def register_when_due(self) -> None:
        """Register what is not registered yet; say so when that is not possible now.

        Raises
        ------
        SchemaIdError, EvolutionError, SchemaRefusedError
            If somebody has to look at the registry first.
        """
        if self._is_done or self._clock() < self._not_before:
            return
        try:
            found = register(self._registry, self._wanted)
        except TransientError as error:
            self._not_before = self._clock() + AGAIN_S
            log.warning("telescope.registry_away", error=str(error), again_in_s=AGAIN_S)
            return
        self._is_done = True
        log.info("telescope.schemas_registered", subjects=len(found))
