"""The web process: ``gunicorn broker.wsgi:application``."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.db import OperationalError

from broker.config import config
from broker.logs import log
from broker.memory import no_sweeps
from broker.migrate import require_migrated

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")  # noqa: TID251 Django's own switch


def require_secret_key() -> None:
    """Refuse to serve with a key that the next process would not know.

    Raises
    ------
    ImproperlyConfigured
        Unless ``web.secret_key`` is set or ``web.debug`` is on.
    """
    if not config().web.secret_key.get_secret_value() and not settings.DEBUG:
        raise ImproperlyConfigured(
            "web.secret_key is empty: set NIGHTJAR_WEB__SECRET_KEY to 50 random characters, e.g. of"
            " `python -c 'import secrets; print(secrets.token_urlsafe(40))'`"
        )


with no_sweeps():
    application = get_wsgi_application()
require_secret_key()
try:
    require_migrated()
except OperationalError:
    # Pages that need Postgres fail one by one, and /health says which part is missing.
    log.error("web.started_without_postgres", exc_info=True)
