"""Something done again and again, in a thread, while something else is broken."""

import threading
from abc import ABC, abstractmethod
from typing import Self


class Companion(ABC):
    """Goes on from the moment that it is entered as a context until it is left.

    Parameters
    ----------
    name : str
        Of its thread.
    """

    def __init__(self, name: str) -> None:
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        """End; what was begun is finished."""
        self._is_ending.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None:
        """Go on until ``_is_ending``."""
