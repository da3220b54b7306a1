"""A ceiling for a worker process's memory, and imports that need not be searched for garbage."""

import gc
import resource
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_sweeps() -> Iterator[None]:
    """Import in here what a process needs: it makes much, leaves nothing, and stays.

    Python would look through all of it for garbage again and again: a quarter of a start. What is
    there at the end is not looked at any more.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def limit_memory(limit_bytes: int) -> None:
    """Let this process map at most ``limit_bytes``; beyond it an allocation is a MemoryError.

    Never above what the machine's owner allows. Call it after the fork: a limit of the parent would
    be its own, too.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))
