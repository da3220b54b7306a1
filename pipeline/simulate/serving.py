"""Stand-ins for servers of others, served beside whatever else a process does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import TypeVar

Server = TypeVar("Server", bound=ThreadingHTTPServer)


@contextmanager
def running(standin: Server) -> Iterator[Server]:
    """Serve in a thread until the end of the block."""
    thread = threading.Thread(target=standin.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield standin
    finally:
        standin.shutdown()
        thread.join()
        standin.server_close()
