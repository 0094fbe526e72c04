"""PostgreSQL's address as Django wants it."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit


def postgresql(address: str) -> dict[str, object]:
    """One entry of Django's DATABASES. Raises ValueError with what to write instead."""
    url = urlsplit(address)
    if url.scheme not in {"postgresql", "postgres"} or not url.path.strip("/"):
        raise ValueError("write postgresql://USER:PASSWORD@HOST:PORT/NAME")
    try:
        port = str(url.port or "")
    except ValueError:
        raise ValueError("the port cannot be read; percent-encode /, ?, # and @ in the password") from None
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.strip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": unquote(url.hostname or ""),
        "PORT": port,
        # A network that swallows packets is noticed in seconds, not after the kernel's quarter of an hour.
        "OPTIONS": {
            "connect_timeout": "5",
            "keepalives_idle": "5",
            "keepalives_interval": "3",
            "keepalives_count": "3",
            "tcp_user_timeout": "15000",
            # The same from the server's side: the locks of a client that is gone must not outlive it by long.
            "options": (
                "-c idle_in_transaction_session_timeout=30s -c tcp_user_timeout=15s "
                "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=3 -c tcp_keepalives_count=3"
            ),
            **dict(parse_qsl(url.query)),
        },
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
