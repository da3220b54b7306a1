"""How long each stage of a plan takes, as far as whoever waits for it can see."""

import time

from broker import metrics

WHOLE = "whole"


class StageClock:
    """Observes the stages of one plan.

    Parameters
    ----------
    strategy, telescope : str
        Of the plan.
    """

    def __init__(self, strategy: str, telescope: str) -> None:
        self._labels = strategy, telescope
        self._stage = ""
        self._since_s = time.monotonic()

    def see(self, stage: str) -> None:
        """Note the stage that the plan is in now; empty: none was told."""
        if stage in {"", self._stage}:
            return
        self._close()
        self._stage = stage

    def end(self, duration_s: float) -> None:
        """Note that the plan's process has ended, after this time [s]."""
        self._close()
        metrics.GW_PLAN.labels(*self._labels, WHOLE).observe(duration_s)

    def _close(self) -> None:
        now_s = time.monotonic()
        if self._stage:
            metrics.GW_PLAN.labels(*self._labels, self._stage).observe(now_s - self._since_s)
        self._since_s = now_s
