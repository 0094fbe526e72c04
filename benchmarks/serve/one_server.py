"""One web server in front of the API, as a process: `python one_server.py waitress|cheroot`.

The data folder comes from CALLGAUGE_DATA_DIR and is migrated already. No executor runs, so what is
measured is serving. Prints its address.
"""

from __future__ import annotations

import sys
from typing import Any

from callgauge.cli import data_dir
from callgauge.cli.web_server import CONNECTIONS, web_server
from callgauge.domain.options import Options


def waitress(loaded: Options) -> None:
    server = web_server(loaded, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.port}", flush=True)
    server.run()


def cheroot(loaded: Options) -> None:
    from cheroot.wsgi import Server

    from callgauge.config.wsgi import application

    server: Any = Server(
        ("127.0.0.1", 0), application, numthreads=loaded.web_threads, request_queue_size=128, timeout=120
    )
    server.keep_alive_conn_limit = CONNECTIONS
    server.prepare()
    print(f"http://127.0.0.1:{server.bind_addr[1]}", flush=True)
    server.serve()


SERVERS = {"waitress": waitress, "cheroot": cheroot}

if __name__ == "__main__":
    import os

    from callgauge.domain import options

    settings = options.load(os.environ)
    os.environ["CALLGAUGE_SECRET_KEY"] = data_dir.secret_keys(settings.data_dir)
    os.environ["DJANGO_SETTINGS_MODULE"] = "callgauge.config.settings"
    import django

    django.setup()
    SERVERS[sys.argv[1]](settings)
