"""``python -m compose.native.webdav``: serve the folder that stands in for OwnCloud in the demo.

Programs write with the login of the settings; browsers on this machine read ``/files/`` without.
"""

import signal
import sys
from pathlib import Path
from urllib.parse import urlsplit

from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

from broker.config import config, project_path
from compose.native.ports import LOOPBACK
from compose.native.standins import OPEN_PATH

FOLDER = "owncloud"
"""Below the home of the native parts."""
THREADS = 4


def application(
    folder: Path, place: str, login: tuple[str, str], open_path: str = ""
) -> WsgiDAVApp:
    """Return a WebDAV application over a folder.

    Parameters
    ----------
    folder : Path
        What it serves.
    place : str
        Path of its address.
    login : tuple of str
        User and password.
    open_path : str
        Where everybody may read the same; empty: nowhere.
    """
    user, password = login
    providers: dict[str, object] = {place: str(folder)}
    users: dict[str, object] = {"*": {user: {"password": password}}}
    if open_path:
        reading = open_path.rstrip("/")
        providers[reading] = {"root": str(folder), "readonly": True}
        users[reading] = True
    return WsgiDAVApp(
        {
            "provider_mapping": providers,
            "simple_dc": {"user_mapping": users},
            "http_authenticator": {
                "accept_basic": True,
                "accept_digest": False,
                "default_to_digest": False,
            },
            "dir_browser": {"show_user": False},
            "lock_storage": True,
            "property_manager": True,
            "logging": {"enable": False},
            "verbose": 0,
        }
    )


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    settings = config()
    cloud = settings.owncloud
    address = urlsplit(cloud.url)
    if address.hostname != LOOPBACK or address.port is None:
        sys.exit(f"owncloud.url is not on {LOOPBACK}: nothing to serve")
    folder = project_path(settings.home) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    login = (cloud.user, cloud.password.get_secret_value())
    dav = application(folder, address.path, login, OPEN_PATH)
    server = wsgi.Server((LOOPBACK, address.port), dav, numthreads=THREADS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.start()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
