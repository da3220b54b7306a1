"""``manage.py retention``: delete files whose time is over; ``--dry-run`` says which those are."""

from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from broker import logs
from broker.command import ProjectCommand
from broker.config import config
from broker.db import transaction
from broker.migrate import require_migrated
from pipeline.selected import retention
from pipeline.selected.retention_policy import Expired, Policy, expired


class Command(ProjectCommand):
    """Delete what the settings of retention let go."""

    help = (
        "Delete this machine's tables, images and raw packets that are older than their kind may"
        " get; those that S3 should have stay until it has confirmed them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go")
        parser.add_argument("--paths", action="store_true", help="name every file")

    def handle(self, **options: Any) -> None:
        logs.configure()
        require_migrated()
        policy, today = Policy.of_settings(config()), datetime.now(UTC).date()
        for kind, days in policy.days.items():
            self.stdout.write(f"{kind}: {f'kept {days} d' if days else 'kept for ever'}")
        with transaction() as session:
            found = list(expired(session, policy, today))
        self._tell(found, "would go" if options["dry_run"] else "go", with_paths=options["paths"])
        if not options["dry_run"]:
            self._delete(policy, today)

    def _delete(self, policy: Policy, today: date) -> None:
        ended = retention.run(policy, today, is_command=True)
        if ended is None:
            raise CommandError("another process of this host deletes files now; nothing was done")
        self.stdout.write(f"{len(ended.gone)} files deleted")
        if ended.hindrance:
            raise CommandError(ended.hindrance)

    def _tell(self, found: Iterable[Expired], verb: str, *, with_paths: bool) -> None:
        groups: defaultdict[tuple[str, str], list[Expired]] = defaultdict(list)
        for each in found:
            stays = f"stay: {each.why_kept}" if each.why_kept else verb
            groups[each.kind, stays].append(each)
            if with_paths:
                self.stdout.write(f"  {each.night} {each.kind} {each.path}: {stays}")
        for (kind, stays), some in sorted(groups.items()):
            size = filesizeformat(sum(each.length for each in some)).replace("\xa0", " ")
            self.stdout.write(f"{len(some)} of {kind}, {size}, {stays}")
        if not groups:
            self.stdout.write("nothing is old enough")
