"""Log lines: one event name, facts as keywords, no secrets.

Every line of every library goes through here too. Bind what a stretch of work has in common once::

    with logs.bound(stream="ztf", topic=topic, partition=0, first=10, last=20):
        log.info("range.done", stored=11)
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from pydantic import BaseModel, SecretStr

from broker.config import Config, config

REDACTED = "***"
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|secret|token|api_?key|authorization|cookie|sasl|credential",
    re.IGNORECASE,
)
_LOGIN_IN_URL = re.compile(r"(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
_TOKENS = re.compile(
    r"bbml_[A-Za-z0-9]+"  # a personal access token
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|(?<=bearer )\S+"
    r"|(?<=[?&])((?:activation_code|code|token|access_token|password|new_password)=)[^&\s\"']+",
    re.IGNORECASE,
)
"""What is secret by its form, wherever it stands; links in mails carry codes."""
_QUIET = {
    "alembic.runtime.plugins": logging.WARNING,  # says at each start what nobody asks
    "alembic.runtime.migration": logging.WARNING,
    "django.request": logging.ERROR,  # every 404 of every robot
    "django.security.DisallowedHost": logging.CRITICAL,
    "axes": logging.WARNING,
    "httpx": logging.WARNING,  # a line for each request
    "numexpr": logging.WARNING,  # on how many threads it may run
    "botocore": logging.WARNING,  # where each login was found
}
"""Lowest level of libraries that say more than a person needs."""
_SHORTEST_SECRET = 6
"""Characters; a shorter value would blot out innocent text."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("nightjar")
bound = structlog.contextvars.bound_contextvars
"""Add facts to every line written inside the ``with`` block, in this thread or task."""


class Redactor:
    """Structlog processor that blots out secrets, by the name of a fact and by known values."""

    def __init__(self, secrets: frozenset[str] = frozenset()) -> None:
        longest_first = sorted(secrets, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if secrets else None

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Return the event without secrets."""
        return {name: self._clean(name, value) for name, value in event.items()}

    def _clean(self, name: str, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if _SECRET_NAME.search(name):
            return REDACTED
        if isinstance(value, Mapping):
            return {key: self._clean(str(key), each) for key, each in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean("", each) for each in value]
        return f"<{len(value)} bytes>" if isinstance(value, bytes) else self.text(str(value))

    def text(self, text: str) -> str:
        """Return ``text`` without logins in URLs and without known secrets."""
        text = _LOGIN_IN_URL.sub(REDACTED, text)
        text = _TOKENS.sub(lambda found: (found[1] or "") + REDACTED, text)
        return self._known.sub(REDACTED, text) if self._known else text


def configure(settings: Config | None = None, stream: TextIO | None = None) -> None:
    """Send everything that this process logs to ``stream``, by default standard error.

    A second call replaces the first.
    """
    settings = settings or config()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(_formatter(settings, shared))
    root = logging.getLogger()
    for previous in [h for h in root.handlers if getattr(h, "is_nightjars", False)]:
        root.removeHandler(previous)
    output.is_nightjars = True  # type: ignore[attr-defined] # so that a second call replaces it
    root.addHandler(output)
    root.setLevel(settings.logs.level.upper())
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)


@contextmanager
def at_least(level: int) -> Iterator[None]:
    """Leave out lines below ``level`` inside the ``with`` block, in the whole process.

    For commands that say in words what happens.
    """
    root = logging.getLogger()
    before = root.level
    root.setLevel(max(before, level))
    try:
        yield
    finally:
        root.setLevel(before)


def known_secrets(settings: BaseModel) -> Iterator[str]:
    """Yield every secret value of a configuration that is long enough to be one."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from known_secrets(value)
        for each in value if isinstance(value, tuple) else (value,):
            if not isinstance(each, SecretStr):
                continue
            text = each.get_secret_value()
            _, _, after = text.rpartition("://")
            login, at, _ = after.rpartition("@")
            secret = login.partition(":")[2] if at else text
            if len(secret) >= _SHORTEST_SECRET and "://" not in secret:
                yield secret


def _formatter(settings: Config, shared: list[Any]) -> logging.Formatter:
    render: list[Any] = (
        [structlog.processors.JSONRenderer()]
        if settings.logs.format == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            Redactor(frozenset(known_secrets(settings))),
            *render,
        ],
    )
