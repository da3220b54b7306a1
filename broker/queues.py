"""Every queue of Celery: the only place that lists them.

Adding one is one record: tasks get their time limits from it, ``make up`` and the demo start its
worker, ``/health``, ``/status`` and ``make doctor`` miss it where nobody serves it. Two kinds of
work share a queue only where one may wait for the other: what stands behind a slow Slack or a
large file on its way to S3 waits as long as these.
"""

from collections.abc import Callable
from dataclasses import dataclass

from broker.config import Config


@dataclass(frozen=True)
class TaskQueue:
    """A queue, and the worker that serves it.

    Attributes
    ----------
    name : str
        On Redis; its worker is ``worker-NAME``.
    limits_s : tuple of int
        Soft and hard time limit of its tasks [s].
    without : str
        What does not work while nobody serves it, for people.
    processes : callable
        Returns how many processes its worker has, by the settings.
    is_needed : bool
        Nightjar is down without it; else it only works worse.
    is_of_ranges : bool
        Its tasks work on ranges: the table is their only retry.
    is_wanted : callable
        Returns whether an installation with these settings has such work at all.
    """

    name: str
    limits_s: tuple[int, int]
    without: str
    processes: Callable[[Config], int] = lambda _: 1
    is_needed: bool = False
    is_of_ranges: bool = False
    is_wanted: Callable[[Config], bool] = lambda _: True


def _two(_: Config) -> int:
    return 2


def _has_telescopes(settings: Config) -> bool:
    return bool(settings.telescopes)


QUEUES = (
    TaskQueue(
        "alerts", (50, 60), "no alert is worked",
        lambda settings: settings.ranges.worker_processes, is_needed=True, is_of_ranges=True,
    ),
    TaskQueue(
        "upkeep", (80, 90), "nothing is swept: replays, second tries, clean-up", is_needed=True
    ),
    # A second process, while a probe waits for its limit.
    TaskQueue(
        "accounts", (80, 90), "no Kafka credential is granted, checked or revoked",
        _two, is_needed=True,
    ),
    TaskQueue("notify", (80, 90), "no mail and no Slack message is sent", is_needed=True),
    TaskQueue("gw", (80, 90), "no GW notice is worked", _two),  # a picture, and what people press
    # A second process, while large files travel to S3.
    TaskQueue("sinks", (320, 330), "nothing goes to OwnCloud, no images are fetched", _two),
    TaskQueue(
        "plans", (350, 360), "no observation plan is made",
        lambda settings: settings.gw.plans.processes,
    ),
    TaskQueue("trials", (110, 120), "no filter of a user is tried on a past night"),
    # A second process, while Kafka or the registry keeps the sender for one telescope waiting.
    TaskQueue(
        "commands", (80, 90), "no command goes to a telescope, and no deadline ends one",
        _two, is_needed=True, is_wanted=_has_telescopes,
    ),
    TaskQueue(
        "telescope_data", (50, 60), "no telescope's data are stored",
        _two, is_of_ranges=True, is_wanted=_has_telescopes,
    ),
)  # fmt: skip
"""In the order in which their workers start."""

LIMITS_S = {queue.name: queue.limits_s for queue in QUEUES}
"""Soft and hard time limit of each queue's tasks [s]."""
RANGE_QUEUES = frozenset(queue.name for queue in QUEUES if queue.is_of_ranges)


def wanted(settings: Config) -> tuple[TaskQueue, ...]:
    """Return the queues that an installation with these settings has work for."""
    return tuple(queue for queue in QUEUES if queue.is_wanted(settings))
