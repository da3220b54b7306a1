"""What every HTTP client of ours is: open until the ``with`` around it ends."""

from typing import Self

import httpx


class Closing:
    """Closes its connections at the end of a ``with``."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
