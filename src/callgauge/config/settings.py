"""Django's settings, made from the options table; nothing here is set by hand."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from callgauge.domain.options import OptionError, load
from callgauge.store.database import postgresql

try:
    CALLGAUGE = load(os.environ)
except OptionError as error:
    raise ImproperlyConfigured(str(error)) from None

# The real key is put in place by the command line before Django starts (see cli.data_dir);
# a process that only looks at models or migrations must not create files.
_keys = [key.strip() for key in CALLGAUGE.secret_key.split(",") if key.strip()]
NO_SECRET = "not-yet-read-from-the-data-folder"  # noqa: S105 -- nothing is served with it, see wsgi.py
SECRET_KEY = _keys[0] if _keys else NO_SECRET
SECRET_KEY_FALLBACKS = _keys[1:]

DEBUG = False
ALLOWED_HOSTS = list(CALLGAUGE.allowed_hosts)
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-us"
ROOT_URLCONF = "callgauge.config.urls"
WSGI_APPLICATION = "callgauge.config.wsgi.application"
APPEND_SLASH = False  # both forms are served; a redirect would turn a client's POST into a GET
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "store.User"
DATA_UPLOAD_MAX_MEMORY_SIZE = CALLGAUGE.max_body_mb * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 100_000  # a rerun may name that many calls as repeated form fields

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular_sidecar",
    "django_htmx",
    "callgauge.store",
    "callgauge.web",
]

MIDDLEWARE = [
    "callgauge.api.watched.Watched",
    "callgauge.api.middleware.Envelope",
    "callgauge.api.middleware.TrustedProxies",
    "callgauge.api.middleware.RequestLimits",
    "callgauge.config.refusing.Refusing",
    "django.middleware.security.SecurityMiddleware",
    "callgauge.web.middleware.PageHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",  # refuses hosts that are not served here
    # What follows reads nothing before a page asks for it: a request of the API costs no query here.
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from the installed packages: there is nothing to collect
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 86_400  # pages ask by the hash of what they need, see web.templatetags

_public = urlsplit(CALLGAUGE.public_url)
SESSION_COOKIE_NAME = "callgauge_session"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public.scheme == "https"
SESSION_COOKIE_AGE = 30 * 24 * 3600
CSRF_COOKIE_NAME = "callgauge_csrf"
CSRF_COOKIE_HTTPONLY = True  # scripts take the token from the page
CSRF_FAILURE_VIEW = "callgauge.web.errors.csrf_failed"
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if _public.netloc else []
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]


_mail = CALLGAUGE.mail_url
if _mail is not None:
    EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
    EMAIL_USE_SSL, EMAIL_USE_TLS = _mail.encrypted_from_the_start, _mail.starttls
EMAIL_TIMEOUT = 20  # seconds
DEFAULT_FROM_EMAIL = CALLGAUGE.mail_from


def _database() -> dict[str, object]:
    if not CALLGAUGE.database_url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": CALLGAUGE.data_dir / "callgauge.sqlite3",
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # Readers and one writer at the same time; FULL because a judge's answer was paid for and
                # must survive a power cut; IMMEDIATE because a deferred transaction that reads before it
                # writes fails with "database is locked" under concurrency, whatever the timeout.
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                "init_command": (
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;"
                    "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;"
                    "PRAGMA journal_size_limit=67108864;"
                ),
            },
        }
    try:
        return postgresql(CALLGAUGE.database_url)
    except ValueError as error:
        raise ImproperlyConfigured(f"CALLGAUGE_DATABASE_URL: {error}") from None


DATABASES = {"default": _database()}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["callgauge.api.auth.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["callgauge.api.auth.HasKey"],
    "DEFAULT_PARSER_CLASSES": [
        "callgauge.api.parsers.StrictJSONParser",
        "rest_framework.parsers.FormParser",
        "callgauge.api.parsers.NamedPartsParser",
    ],
    "DEFAULT_RENDERER_CLASSES": ["callgauge.api.renderers.FastJSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "callgauge.api.renderers.AlwaysJSON",
    "DEFAULT_PAGINATION_CLASS": None,
    "EXCEPTION_HANDLER": "callgauge.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "callgauge.telemetry.logs.LineFormatter", "debug": CALLGAUGE.log_level == "debug"},
        "json": {"()": "callgauge.telemetry.logs.JsonFormatter", "debug": CALLGAUGE.log_level == "debug"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": CALLGAUGE.log_format}},
    "root": {"handlers": ["stderr"], "level": CALLGAUGE.log_level.upper()},
    "loggers": {
        # A line for each request and chunk: for machines.
        "callgauge.events": {"level": "INFO" if CALLGAUGE.log_format == "json" else "ERROR"},
        "django.request": {"level": "ERROR"},
        # Anybody can send a wrong Host: the answer says it, and a traceback each would fill the log.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "waitress": {"level": "WARNING"},
        # Two lines for each chunk that comes and goes.
        "celery": {"level": "WARNING"},
        # Says for each request that it waits for a thread: a line per request on a busy server.
        "waitress.queue": {"level": "ERROR"},
    },
}
