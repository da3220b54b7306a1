"""Beat and the worker that it rings for, on a Redis database that no other test's workers hear."""

from redis import Redis

from broker.config import config
from tests.e2e.system import System
from tests.redis_databases import RedisDatabase

CELERY = ("-m", "celery", "-A", "broker.celery")
UPKEEP = ("worker", "-Q", "upkeep", "--concurrency", "1", "--hostname", "upkeep@%h")
QUIET = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


def use_own_redis(system: System, database: RedisDatabase, **settings: str) -> None:
    """Let the system's processes use an emptied database of Redis, and these settings."""
    url = database.url(config().redis.url.get_secret_value())
    with Redis.from_url(url) as redis:
        redis.flushdb()
    system.environment = {**system.environment, "NIGHTJAR_REDIS__URL": url, **settings}


def start_upkeep(system: System) -> None:
    """Start beat, and a worker for the queue of what is done every so often."""
    system.start("upkeep", *CELERY, *UPKEEP, *QUIET, REMAP_SIGTERM="SIGQUIT")
    system.start("beat", *CELERY, "beat", "--loglevel", "WARNING", "--pidfile", "")
