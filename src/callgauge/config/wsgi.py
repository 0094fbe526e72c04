"""The WSGI entry point, for `callgauge serve` and for any other WSGI server."""

import os

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callgauge.config.settings")

if settings.SECRET_KEY == settings.NO_SECRET:
    raise ImproperlyConfigured("Set CALLGAUGE_SECRET_KEY: only `callgauge serve` makes a key by itself.")

application = get_wsgi_application()
