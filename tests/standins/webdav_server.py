"""A real WebDAV server (WsgiDAV) over HTTP on a free port, whose wire fails on request."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.sections.outside import OwncloudSettings
from compose.native.webdav import application
from tests.standins.faulty import Faulty, serving

USER = "grandma"
PASSWORD = "horse-battery-7"
ROOT = f"/remote.php/dav/files/{USER}"


class WebDavServer(Faulty):
    """What lies on disk."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def settings(self, **given: Any) -> OwncloudSettings:
        values = {
            "url": f"http://127.0.0.1:{self.port}{ROOT}",
            "user": USER,
            "password": PASSWORD,
            "connect_timeout_s": 2,
            "read_timeout_s": 20,
        }
        return OwncloudSettings(**values | given)

    def files(self) -> dict[str, bytes]:
        """Return every file by its path, those with temporary names too."""
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in found}

    def folders(self) -> set[str]:
        return {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_dir()}


@contextmanager
def webdav_server(folder: Path) -> Iterator[WebDavServer]:
    """Run a server of the files below ``folder``."""
    server = WebDavServer(folder)
    with serving(server, application(folder, ROOT, (USER, PASSWORD)), ROOT):
        yield server
