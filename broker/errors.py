"""Errors that every package knows."""


class TransientError(Exception):
    """A server is away or busy; the same call may succeed later."""
