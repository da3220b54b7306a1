"""Who empties which database of the tests' one Redis: tests that run side by side share none."""

from enum import IntEnum, unique


@unique
class RedisDatabase(IntEnum):
    """The number of each; 0 is everybody's, 1 belongs to the benchmark's naive pipeline."""

    QUEUE_OF_COMMANDS = 2
    SINK_KILLED = 3
    FUZZ = 4
    HEALTH = 5
    BACKUP = 6
    RANGES = 7
    DRILL = 8
    TELESCOPES = 9
    FOLLOW_UP = 10
    REPLAYS = 11
    BREAKER = 12
    SITE = 13
    BROWSER_FOLLOW_UP = 14
    CONSOLE = 15

    def url(self, server_url: str) -> str:
        """Return the URL of this database on the server that a URL with a database names."""
        return f"{server_url.rpartition('/')[0]}/{self.value}"
