"""Settings whose text says several things."""

from __future__ import annotations

import pytest

from callgauge.domain.options.kinds import MailServer, mail_server


def test_a_mail_servers_address_is_read() -> None:
    assert mail_server("") is None
    full = mail_server("smtp://ada%40acme:p%3Aw@mail.example")
    assert full == MailServer("mail.example", 587, "ada@acme", "p:w", encrypted_from_the_start=False)
    assert full.starttls, "a password never goes over the line unencrypted"
    assert mail_server("smtps://u:p@mail.example") == MailServer("mail.example", 465, "u", "p", True)
    neighbour = mail_server("smtp://10.0.0.5")
    assert neighbour == MailServer("10.0.0.5", 25, "", "", False)
    assert not neighbour.starttls


@pytest.mark.parametrize(
    "text", ["mail.example:25", "http://mail.example", "smtp://", "smtp://h:0", "smtp://h:x"]
)
def test_what_is_no_mail_server_is_refused_without_repeating_a_password(text: str) -> None:
    with pytest.raises(ValueError, match="write smtp://"):
        mail_server(text)
