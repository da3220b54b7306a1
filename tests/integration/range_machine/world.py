"""The range protocol under a schedule: our listeners and workers, real Postgres, a model Kafka."""

from collections import Counter

import psycopg

from broker import db
from tests.integration.range_machine.actors import Clock, Killed, Schedule
from tests.integration.range_machine.crew import Crew
from tests.integration.range_machine.feed import PARTITIONS, Feed
from tests.integration.range_machine.kafka import Kafka, Record
from tests.integration.range_machine.lives import BrokenPromiseError, Life
from tests.integration.range_machine.messages import Messages
from tests.integration.range_machine.promises import Promises

QUIET_ROUNDS = 60
TABLES = (
    "alerts", "objects", "light_curves", "alert_duplicates", "stream_gaps", "dead_letters",
    "stream_ranges", "stream_partitions", "sources", "streams",
)  # fmt: skip


class World:
    """Everything that a story may touch."""

    def __init__(
        self, watch: psycopg.Connection, packets: list[Record], figures: Counter[str]
    ) -> None:
        self.watch = watch
        self.figures = figures
        self.clock = Clock()
        self.kafka = Kafka(self.clock.sleep)
        self.schedule = Schedule(watch)
        for table in TABLES:
            watch.execute(f"DELETE FROM {table}")
        self.feed = Feed(watch, self.kafka, packets, figures)
        self.messages = Messages(figures)
        self.promises = Promises(watch, self.kafka, self.feed)
        self.crew = Crew(
            self.schedule, self.kafka, self.feed, self.promises, self.messages, figures
        )

    def check(self) -> None:
        """Raise if the tables or Kafka's offsets break a promise now."""
        self.promises.check()

    def pass_time(self, seconds: float) -> None:
        self.schedule.leave_transactions()
        self.crew.bury_ended()
        self.clock.now += seconds
        self.watch.execute(
            "UPDATE stream_ranges SET ring_at = ring_at - make_interval(secs => %s),"
            " done_at = done_at - make_interval(secs => %s)",
            (seconds, seconds),
        )

    def end_lease(self, of: Life | None) -> None:
        """Let one lease end, or all of them: whoever holds it was frozen, or is dead."""
        self.schedule.leave_transactions()
        self.crew.bury_ended()
        rows = self.watch.execute(
            "SELECT id, owner, attempts, first_offset, claimed_at < pg_postmaster_start_time()"
            " FROM stream_ranges WHERE state = 'running' AND lease_until > now() ORDER BY id"
        ).fetchall()
        for row, owner, attempts, first, is_excused in rows:
            life = self.crew.claimed[owner, attempts, first]
            if of is not None and (life is not of or not (is_excused or self.crew.may_fail(life))):
                continue
            life.excuses.add("frozen")
            if not is_excused:
                self.crew.count_failure(life)
            self.watch.execute(
                "UPDATE stream_ranges SET lease_until = now() - interval '1 s' WHERE id = %s",
                (row,),
            )
            self.figures["leases ended"] += 1

    def empty_bookkeeping(self) -> None:
        self.schedule.leave_transactions()
        self.crew.bury_ended()
        if not all(self.promises.is_known(partition) for partition in range(PARTITIONS)):
            self.kafka.committed.clear()  # by then Kafka has forgotten a deleted topic's offsets
        self.watch.execute("DELETE FROM stream_ranges")
        self.watch.execute("DELETE FROM stream_partitions")
        self.promises.deaths.clear()
        self.crew.claimed.clear()
        for life in self.crew.workers():
            life.excuses.add("emptied")
        for _, topic in self.kafka.made:  # nobody knows any more how far a lost log reached
            for log in topic.logs:
                log.must = log.must and set()

    def restart_postgres(self) -> None:
        """Break every connection, and let all that was claimed or read lie before the start."""
        self.watch.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        for life in self.crew.workers():
            life.excuses.add("Postgres restarted")
            life.is_hurt = True
        self.schedule.leave_transactions()
        self.crew.bury_ended()
        db.engine().dispose()
        self.watch.execute(
            "UPDATE stream_ranges SET claimed_at = pg_postmaster_start_time() - interval '1 s'"
            " WHERE state = 'running'"
        )
        for process in self.crew.alive():
            for owned in process.listener._held.owned.values():
                earlier = owned.guard.server_start.replace(year=2000)
                owned.guard = owned.guard._replace(server_start=earlier)

    def heal(self) -> None:
        """Mend everything, wake every frozen process, and wait until all is quiet."""
        self.crew.is_redis_away = self.kafka.is_joining = False
        for life in self.crew.workers():
            life.producer.troubles.clear()
            self.crew.step(life)
        for slot, process in self.crew.processes.items():
            if process.is_dead and process.member is self.kafka.members.get(slot):
                self.kafka.session_ends(slot)
        if not self.crew.alive():
            self.crew.start_listener("0")
        quiet = 0
        for _ in range(QUIET_ROUNDS):
            self.watch.execute("UPDATE streams SET stopped_at = NULL, reason = NULL")
            for process in self.crew.alive():
                self.crew.tick(process)
            quiet = quiet + 1 if self._is_quiet() else 0
            if quiet >= (4 if len(self.kafka.made) > 1 or not self.kafka.topics else 1):
                break  # a topic is looked for every 30 s, and missed when it is missing twice
            while self.crew.queue:
                self.crew.deliver(0, again=False)
                for life in self.crew.workers():
                    self.crew.step(life)
            self.crew.publish_stranded()
            self.end_lease(None)  # a listener must free it: workers have had their turn
            self.pass_time(31.0)
            self.check()
        else:
            raise BrokenPromiseError(f"never quiet: {self.told()}")
        self.check()
        self.promises.check_all(self.messages.topics_of)

    def _is_quiet(self) -> bool:
        left = self.watch.execute("SELECT count(*) FROM stream_ranges WHERE state <> 'done'")
        ends = {
            (name, number): log.high
            for name, topic in self.kafka.topics.items()
            for number, log in enumerate(topic.logs)
        }
        known = {at: self.kafka.committed.get(at, 0) for at in ends}
        return not left.fetchone()[0] and not self.crew.queue and known == ends

    def told(self) -> str:
        rows = self.watch.execute("SELECT * FROM stream_ranges").fetchall()
        owners = self.watch.execute("SELECT * FROM stream_partitions").fetchall()
        return f"{rows} {owners} {self.kafka.committed} {self.crew.queue} {self.kafka.assigned}"

    def end(self) -> None:
        """End every thread; nothing is judged any more."""
        for actor in self.schedule.actors:
            if not actor.ended:
                self.schedule.finish(actor, Killed())
