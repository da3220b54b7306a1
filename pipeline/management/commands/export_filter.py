"""Write the extendedness filter for ANTARES, with the thresholds in force."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from broker.command import ProjectCommand
from broker.config import config
from pipeline.filters import export


class Command(ProjectCommand):
    """Write one file to upload, and a sheet with what ANTARES asks about it."""

    help = "Write the extendedness filter as one file for ANTARES, with a sheet of metadata."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="where to; it is made")

    def handle(self, **options: Any) -> None:
        folder: Path = options["folder"]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in export.files(config().selected.extendedness).items():
                (folder / name).write_text(text)
                self.stdout.write(str(folder / name))
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror}") from error
