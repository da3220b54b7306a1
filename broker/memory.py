"""A ceiling for a worker process's memory, so that one packet cannot make the machine swap."""

import resource


def limit_memory(limit_bytes: int) -> None:
    """Let this process map at most ``limit_bytes``; beyond it an allocation is a MemoryError.

    Never above what the machine's owner allows. Call it after the fork: a limit of the parent would
    be its own, too.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit_bytes = min(limit_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, hard))
