"""The link that sets a new password, by mail to whoever owns the account."""

from __future__ import annotations

import logging
import smtplib
from threading import Thread

from django.conf import settings
from django.core.mail import EmailMessage

from callgauge.domain.options import Options, Rate
from callgauge.flow.people import find_user, password_link
from callgauge.flow.sign_in import count_try

log = logging.getLogger(__name__)
MAILS_PER_ACCOUNT = Rate(3, 3600)
ASKED_PER_ADDRESS = Rate(20, 3600)
SUBJECT = "A new password for Callgauge"
TEXT = """Somebody asked for a new password for {email} at {site}

Set it here, within 2 hours:

{link}

If that was not you, do nothing: your password stays as it is.
"""


def can_mail(options: Options) -> bool:
    """Links in mail begin with the address that the operator set, never with what a request says."""
    return options.mail_url is not None and bool(options.public_url)


def mail_password_link(email: str, address: str) -> Thread | None:
    """Send the link where there is such an account; whoever asks cannot tell, so nothing is said of it and
    nobody waits for the mail server. Gives the thread that sends, if any. Raises RateLimited."""
    options: Options = settings.CALLGAUGE
    assert can_mail(options)
    count_try("mail-from", address, ASKED_PER_ADDRESS)
    count_try("mail-to", email.strip().lower(), MAILS_PER_ACCOUNT)
    user = find_user(email)
    if user is None or not user.is_active:
        return None
    site = options.public_url.rstrip("/")
    link = f"{site}/password/{password_link(user)}"
    message = EmailMessage(SUBJECT, TEXT.format(email=user.email, site=site, link=link), to=[user.email])
    thread = Thread(target=_send, args=[message], daemon=True)
    thread.start()
    return thread


def _send(message: EmailMessage) -> None:
    """A mail that is lost is asked for again; the log says why it was, without the link in it."""
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as error:
        log.error("A mail with a password link could not be sent: %s: %s", type(error).__name__, error)
