"""What is told when a backup cannot be made, trusted or restored."""


class BackupError(Exception):
    """A backup cannot be made or used; the message says why, and what to do."""
