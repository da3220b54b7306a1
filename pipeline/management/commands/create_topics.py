"""Make every topic of the registry on our own broker, and the rights of our principals."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from broker import kafka_admin
from broker.command import ProjectCommand
from broker.config import Config, config
from broker.kafka import Cluster, own_connection
from pipeline import bootstrap
from pipeline.telescope.record import telescopes
from pipeline.telescope.topics import telescope_topics


class Command(ProjectCommand):
    """Make the topics and rights; a second run changes nothing."""

    help = (
        "Make every topic and ACL of the registry. Retention is brought up to date; a topic with "
        "another number of partitions is reported, never changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--input", nargs="*", default=[], metavar="TOPIC", help="input topics to make as well"
        )
        parser.add_argument(
            "--exact",
            action="store_true",
            help="also take every other right, and every denial, of our principals",
        )

    def handle(self, **options: Any) -> None:
        settings = config()
        specs = [
            *bootstrap.output_topics(settings),
            *bootstrap.fixed_input_topics(settings),
            *bootstrap.notice_topics(settings),
            *bootstrap.lasair_topics(settings),
            *telescope_topics(settings),
            *(bootstrap.input_topic(settings, name) for name in options["input"]),
        ]
        rights = bootstrap.service_acls(settings)
        for line in (
            *kafka_admin.ensure_topics(specs),
            *kafka_admin.ensure_acls(rights, is_exact=options["exact"]),
        ):
            self.stdout.write(line)
        _refuse_split_commands(settings)
        self.stdout.write(f"{len(specs)} topics and the rights of our principals are in place.")


def _refuse_split_commands(settings: Config) -> None:
    """Refuse a topic of commands with several partitions: a cancel could overtake its start."""
    topics = [telescope.commands for telescope in telescopes(settings)]
    partitions = Cluster(own_connection("admin")).partitions(topics)
    for topic in topics:
        if (found := sum(name == topic for name, _ in partitions)) > 1:
            raise CommandError(
                f"{topic} has {found} partitions, so a cancel could overtake its start; Kafka"
                " cannot take partitions away: stop its applications, delete the topic, and run"
                " this again"
            )
