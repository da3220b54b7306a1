"""What the model knows of each delivery of a task, and of each listener's process."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from broker.ranges import claim as claims
from broker.ranges.listener import Listener
from tests.integration.range_machine.actors import Actor
from tests.integration.range_machine.kafka import Member, Producer


class BrokenPromiseError(AssertionError):
    """The protocol broke a promise."""


class Task(NamedTuple):
    """One bell in Redis."""

    id: str
    arguments: tuple[Any, ...]


class Sent(NamedTuple):
    """One message in Kafka: who wrote it, and at which moment."""

    life: "Life"
    at: int
    is_acknowledged: bool


@dataclass(eq=False)
class Life:
    """One delivery of one task, from its claim to its end.

    Attributes
    ----------
    excuses : set of str
        Why what it published may be published again.
    commits : list of int
        Moments of its commits.
    is_counted : bool
        Whether its failed attempt stands in ``Promises.deaths``.
    """

    task: Task
    held: claims.Claim | None = None
    excuses: set[str] = field(default_factory=set)
    commits: list[int] = field(default_factory=list)
    is_counted: bool = False
    is_hurt: bool = False
    is_deadly: bool = False
    producer: Producer | None = None
    actor: Actor | None = None

    def offsets(self) -> tuple[str, int, range]:
        _, topic, partition, first, last, *_ = self.task.arguments
        if self.held is not None:
            last = self.held.last
        return topic, partition, range(first, last + 1)


@dataclass(eq=False)
class Process:
    """One listener's process, and the tick that it is in."""

    slot: str
    listener: Listener
    member: Member
    actor: Actor | None = None
    is_dead: bool = False
