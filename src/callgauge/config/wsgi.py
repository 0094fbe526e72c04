"""The WSGI entry point, for `callgauge serve` and for any other WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callgauge.config.settings")

application = get_wsgi_application()
