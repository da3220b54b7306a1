"""A ``.env`` file with a secret, shown when it was just made; other snippets hold none."""

from broker.config import config


def dotenv(username: str, password: str) -> str:
    """Return a ``.env`` file that the published client and our snippets read."""
    settings = config()
    lines = [
        f"BABAMUL_KAFKA_SERVER={settings.kafka.public_servers}",
        f"BABAMUL_KAFKA_USERNAME={username}",
        f"BABAMUL_KAFKA_PASSWORD={password}",
    ]
    if settings.kafka.public_host == "localhost":
        lines.insert(0, "BABAMUL_ENV=local")
    return "\n".join(lines)
