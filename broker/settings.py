"""Django's settings, all derived from ``broker.config``; importing them needs no server.

An empty ``web.secret_key`` is replaced by a random one for this process, which is all that commands
need. ``broker.wsgi`` refuses to serve with it: each web process would sign with another key.

The scheme of ``web.public_url`` decides between the two ways of serving. With ``https://`` cookies
are secure, HSTS is on, plain HTTP is redirected and ``X-Forwarded-Proto`` is believed, so a proxy
that sets this header must stand in front. With ``http://`` (the demo: published clients in local
mode speak plain HTTP) none of that is possible.
"""

from datetime import timedelta
from typing import Any

from csp.constants import NONCE, NONE, SELF
from django.core.management.utils import get_random_secret_key
from psycopg.conninfo import conninfo_to_dict
from redis.backoff import NoBackoff
from redis.retry import Retry

from broker.config import ROOT, config
from broker.db import TCP_OPTIONS

_web = config().web
_postgres = config().postgres
_is_https = _web.public_url.startswith("https://")


def database(url: str) -> dict[str, Any]:
    """Return Django's settings of the database at ``url``."""
    parts = dict(conninfo_to_dict(url))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            **parts,
            "connect_timeout": _postgres.connect_timeout_s,
            **TCP_OPTIONS,
            "options": f"-c statement_timeout={_postgres.statement_timeout_s * 1000}",
        },
    }


DEBUG = _web.debug
SECRET_KEY = _web.secret_key.get_secret_value() or get_random_secret_key()
ALLOWED_HOSTS = list(_web.allowed_hosts)

INSTALLED_APPS = [
    "broker.apps.BrokerConfig",
    "accounts.apps.AccountsConfig",
    "pipeline.apps.PipelineConfig",
    "django.contrib.admin.apps.SimpleAdminConfig",  # urls.py discovers: only the web needs them
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "broker.middleware_metrics.Counted",  # first: what the others refuse is counted too
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "broker.middleware.Bodies",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "broker.middleware.Requests",  # behind WhiteNoise: a page's files are not counted
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.web.sessions.AccountMiddleware",  # ``request.account``; never Django's user
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "broker.middleware.Database",
    "axes.middleware.AxesMiddleware",  # last, as it asks: it turns a locked log-in into its answer
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / app / "web" / "templates" for app in ("accounts", "pipeline")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "broker.frame.context",
            ]
        },
    }
]
ROOT_URLCONF = "broker.urls"
WSGI_APPLICATION = "broker.wsgi.application"

DATABASES = {"default": database(_postgres.url.get_secret_value())}
CACHE_TIMEOUT_S = 0.3
CACHES = {
    "default": {
        "BACKEND": "broker.shared_cache.SharedCache",
        "KEY_PREFIX": "nightjar:cache",
        "OPTIONS": {
            "serializer": "broker.shared_cache.JsonSerializer",
            "socket_timeout": CACHE_TIMEOUT_S,
            "socket_connect_timeout": CACHE_TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),  # a page does not wait for Redis
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_MODULES = {"pipeline": None}  # mirrors only: Alembic owns the tables that streams write

AUTHENTICATION_BACKENDS = [  # of staff; a Babamul account is none, and has its own middleware
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # else anybody could keep staff out for ever
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "broker.limits.client_ip"
AXES_ONLY_ADMIN_SITE = True
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

ADMIN_FRONT = ["pipeline.admin.front.lines", "accounts.admin.front.lines"]
"""What the admin's first page shows, see ``broker.admin_front``."""

AFTER_MIGRATION = ["pipeline.alerts.partitions.after_migration"]
"""What ``manage.py migrate`` calls with the database's address when it changed its tables."""

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "broker.formats"

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # files are served from the packages; there is no ``collectstatic``

SESSION_COOKIE_NAME = "nightjar_staff"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = _is_https
CSRF_COOKIE_SECURE = _is_https
CSRF_TRUSTED_ORIGINS = [_web.public_url]
SECURE_SSL_REDIRECT = _is_https
SECURE_REDIRECT_EXEMPT = [r"^health$"]  # probes on the machine itself speak plain HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _is_https else None
SECURE_HSTS_SECONDS = 31_536_000 if _is_https else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "broker.error_pages.csrf_failure"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# broker.middleware.Bodies counts first, and its answers fit whoever asks; Django's are HTML.
DATA_UPLOAD_MAX_MEMORY_SIZE = 33_554_432

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.web.authentication.BabamulAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["broker.rest_policy.Declared"],
    "DEFAULT_PARSER_CLASSES": ["broker.rest_json.JSONParser", "broker.rest_json.FormParser"],
    "DEFAULT_RENDERER_CLASSES": ["broker.rest_json.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "broker.rest_policy.AnyAccept",
    "DEFAULT_SCHEMA_CLASS": "broker.rest_schema.Schema",
    "EXCEPTION_HANDLER": "broker.rest_errors.as_json",
    "URL_FORMAT_OVERRIDE": None,  # ``format=csv`` is the data's own parameter
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
STAFF_AUTHENTICATION_CLASSES = [
    "accounts.web.staff_authentication.StaffTokenAuthentication",
    "accounts.web.staff_authentication.StaffSessionAuthentication",
]
"""Who is asked by REST views that staff alone may open, instead of the framework's default."""
SPECTACULAR_SETTINGS = {
    "TITLE": "Babamul",
    "VERSION": "1.0",
    "DESCRIPTION": "Alerts of ZTF and Rubin: accounts, tokens, credentials and data.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SCHEMA_PATH_PREFIX": "/babamul/",
    "PREPROCESSING_HOOKS": ["broker.rest_schema.only_described"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "broker.rest_schema.with_failures",
    ],
    "COMPONENT_SPLIT_REQUEST": True,
}
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains and preload lists
    "security.W021",  # belong to the owner of the domain, not to one application on it
]

LOGGING_CONFIG = None  # broker.logs sets up logging when the app registry is ready
