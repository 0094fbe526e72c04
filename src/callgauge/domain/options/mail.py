"""Mail, for the link that sets a new password."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, mail_server, text

MAIL: tuple[Option, ...] = (
    Option(
        "MAIL_URL",
        "URL",
        mail_server,
        "",
        "The server that sends mail: smtp://USER:PASSWORD@HOST:587 (encrypted by STARTTLS), smtps://… "
        "(encrypted from the start, port 465), or smtp://HOST:25 for one without sign-in on your network. "
        "Empty: no mail. Needs PUBLIC_URL, with which links in mail begin.",
        secret=True,
    ),
    Option("MAIL_FROM", "address", text, "callgauge@localhost", "The address that mail comes from."),
)
