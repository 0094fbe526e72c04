"""Whether a text is an address that we would send to. Its name is looked at later, on connecting."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from yarl import URL

from callgauge.outbound.addresses import Network, is_reachable
from callgauge.outbound.errors import AddressRefused, UrlRefused

MAX_URL_CHARS = 8192


def check_url(text: str, allowed: Sequence[Network] = ()) -> URL:
    """The address, read the way the client will read it. Looks no name up.

    Raises UrlRefused or AddressRefused.
    """
    if len(text) > MAX_URL_CHARS:
        raise UrlRefused(f"The address is longer than {MAX_URL_CHARS} characters.")
    try:
        url = URL(text.strip())
        host, port = url.host, url.port
    except ValueError:
        raise UrlRefused("Not a valid URL.") from None
    if url.scheme not in {"http", "https"}:
        raise UrlRefused("The address must begin with http:// or https://.")
    if not host or any(char.isspace() or ord(char) < 32 or char in "\\<>" for char in host):
        raise UrlRefused("The address names no host.")
    if url.user is not None or url.password is not None:
        raise UrlRefused("An address with a user name or password is not used: it would end up in logs.")
    if port == 0:
        raise UrlRefused("The address names port 0.")
    if _is_literal(host) and not is_reachable(host, allowed):
        raise AddressRefused(refusal(host))
    return url


def refusal(host: str) -> str:
    return (
        f"{host} is not a public address. The operator can allow its network with "
        "CALLGAUGE_OUTBOUND_NETWORKS."
    )


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
