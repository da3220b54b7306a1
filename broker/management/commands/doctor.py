"""What is found, what is missing, what listens where; the same as ``compose/native doctor``."""

import subprocess
import sys
from typing import Any

from broker.command import ProjectCommand
from broker.config import project_path


class Command(ProjectCommand):
    """Print one line per need; exit 1 when one is not met."""

    help = "Say what is found and missing, what listens where, and how to mend it."

    def handle(self, **_options: Any) -> None:
        # A process of its own: the real parts know the project, the project does not know them.
        native = str(project_path("compose/native"))
        sys.exit(subprocess.run([sys.executable, native, "doctor"], check=False).returncode)  # noqa: S603 our own program
