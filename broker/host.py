"""The name of this machine, which files on its disk belong to, and the queue of its workers."""

import socket

from broker.config import Config, config

QUEUE = "sinks"
"""Whose limits those of a host's own queue are."""


def this_host(settings: Config | None = None) -> str:
    """Return the name that output files of this machine belong to.

    Parameters
    ----------
    settings : Config, optional
        This process's when not given.
    """
    return (settings or config()).output.host or socket.gethostname()


def archive_host() -> str:
    """Return the name that the archive's segments of this machine belong to."""
    return config().archive.host or socket.gethostname()


def host_of_archive(name: str) -> str:
    """Return the host of output files that has the segments of ``name``."""
    return this_host() if name == archive_host() else name


def host_queue(host: str) -> str:
    """Return the queue of tasks that need the files of one host."""
    return f"{QUEUE}.{host}"
