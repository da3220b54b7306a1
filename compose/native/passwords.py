"""The passwords of the native parts: drawn once, kept in ``secrets.env``, never in argv."""

import secrets

from dotenv import dotenv_values

from compose.native.home import Home, write_private

NAMES = (
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "KAFKA_KRAFT_PASSWORD",
    "KAFKA_ADMIN_PASSWORD",
    "KAFKA_PIPELINE_PASSWORD",
    "KAFKA_FEED_PASSWORD",
    "KAFKA_CONNECT_PASSWORD",
    "GRAFANA_PASSWORD",
    "WEB_SECRET_KEY",
    "SLACK_TOKEN",
    "SLACK_SIGNING_SECRET",
    "WEBDAV_PASSWORD",
)
FORBIDDEN = frozenset("\"'\\;")
"""They would end a quoted value of Kafka's login lines."""
PASSWORD_BYTES = 24
SECRET_KEY_BYTES = 48
"""Django wants 50 characters or more."""


def draw(size_bytes: int = PASSWORD_BYTES) -> str:
    """Return a random secret that may stand between quotes anywhere."""
    while True:
        secret = secrets.token_urlsafe(size_bytes)
        # A leading minus would be read as an option by some program sooner or later.
        if not FORBIDDEN & set(secret) and not secret.startswith("-"):
            return secret


def passwords(home: Home) -> dict[str, str]:
    """Return the secrets of ``home``, drawing those that do not exist yet."""
    path = home.path / "secrets.env"
    known = {name: text for name, text in dotenv_values(path).items() if text}
    missing = [name for name in NAMES if name not in known]
    for name in missing:
        known[name] = draw(SECRET_KEY_BYTES if name == "WEB_SECRET_KEY" else PASSWORD_BYTES)
    if missing:
        write_private(path, "".join(f"{name}={known[name]}\n" for name in known))
    return known
