"""Whether gwemopt is installed: an extra of 1.7 GB, which may come while workers run."""

import importlib
from importlib import metadata

NAME = "gwemopt"
WRITTEN_LAST = "INSTALLER"
"""By whatever installs a package, after everything that the package needs."""


def is_here() -> bool:
    """Tell whether plans can be made by a process that starts now."""
    importlib.invalidate_caches()
    try:
        return metadata.distribution(NAME).read_text(WRITTEN_LAST) is not None
    except metadata.PackageNotFoundError:
        return False
