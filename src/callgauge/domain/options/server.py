"""The server itself, and what it lets clients do."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, count, keys, names, one_of, path, positive, rate, text

SERVER: tuple[Option, ...] = (
    Option("DATA_DIR", "path", path, "data", "Folder for the database, the secret key and recordings."),
    Option(
        "DATABASE_URL",
        "URL",
        text,
        "",
        "Empty for SQLite in the data folder, or postgresql://USER:PASSWORD@HOST:PORT/NAME.",
        secret=True,
    ),
    Option(
        "SECRET_KEY",
        "text",
        keys,
        "",
        "Signs sessions and links, and encrypts the provider keys and webhook secrets that are kept. Made in "
        "the data folder at the first start; set it when more than one host serves. Several keys parted by "
        "commas: the first is used, the others are still accepted.",
        secret=True,
    ),
    Option(
        "ALLOWED_HOSTS",
        "names, comma-separated",
        names,
        "localhost,127.0.0.1,[::1]",
        "Host names that requests may be addressed to; * for any.",
    ),
    Option(
        "PUBLIC_URL",
        "URL",
        text,
        "",
        "Address under which clients reach the server, for links, `next`, CSRF and recordings. "
        "Empty: taken from each request.",
    ),
    Option(
        "TRUSTED_PROXIES",
        "addresses, comma-separated",
        names,
        "",
        "Addresses of reverse proxies whose X-Forwarded-* headers are believed.",
    ),
    Option("MAX_BODY_MB", "whole number", positive, "64", "Largest request body, in MB; larger gets 413."),
    Option(
        "DISK_RESERVE_MB",
        "whole number",
        count,
        "64",
        "Free space, in MB, on the data folder's disk below which nothing new is taken in: what is under way "
        "is still stored, and reading goes on. 0 goes on to the last byte.",
    ),
    Option("WEB_THREADS", "whole number", positive, "8", "Requests served at the same time."),
    Option(
        "CALLS_IN_MEMORY_MB",
        "whole number",
        positive,
        "64",
        "Stored size, in MB, of the calls that are loaded for measuring at the same time; one larger call "
        "is measured by itself.",
    ),
    Option(
        "SANDBOX",
        "word",
        one_of("auto", "cpython", "monty", "off"),
        "auto",
        "How Python metrics are run: the first way that this host can enforce, one of them, or not at all.",
    ),
    Option(
        "RERUN_RATE",
        "rate",
        rate,
        "60/minute",
        "Reruns that one project may request; more get 429 with Retry-After.",
    ),
    Option(
        "RERUN_JOIN_SECS",
        "seconds",
        count,
        "120",
        "An identical rerun request within this time joins the unfinished one instead of starting another.",
    ),
)
