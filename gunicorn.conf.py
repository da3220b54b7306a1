"""How gunicorn serves ``broker.wsgi``; it reads this file by itself. Its options beat it."""

from typing import Any

from broker import db, logs, metrics_serving
from broker.config import config as read_config  # ``config`` would be taken for an option

_web = read_config().web

bind = f"{_web.host}:{_web.port}"
worker_class = "gthread"  # a synchronous worker would be killed in the middle of a long search
workers = 2
threads = 16  # most of them wait: for a place to search, for Kafka to confirm, for a client
graceful_timeout = 20
control_socket_disable = True  # it would lie in the home folder, outside the project

logconfig_dict: dict[str, Any] = {
    "root": {"level": "INFO", "handlers": []},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
    },
}


def on_starting(_server: object) -> None:
    """Log as every other process does, and serve what the workers count."""
    logs.configure()
    metrics_serving.serve()


def post_fork(_server: object, worker: Any) -> None:
    """Let each thread have its transaction: none shall fail for want of a connection."""
    db.expect_threads(worker.cfg.threads)
