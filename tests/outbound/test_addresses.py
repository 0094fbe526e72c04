"""Which addresses may be reached."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from callgauge.outbound import AddressRefused, UrlRefused, check_url, is_reachable

PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:2800:220:1::1", "2a00:1450:4001:81b::200e"]
CLOSED = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "5f00::1",
    "not an address",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    assert is_reachable(address)


@pytest.mark.parametrize("address", CLOSED)
def test_everything_else_is_closed(address: str) -> None:
    assert not is_reachable(address)


def test_an_operator_opens_a_network_and_no_more() -> None:
    allowed = (ip_network("10.20.0.0/16"), ip_network("fd12::/16"))

    assert is_reachable("10.20.3.4", allowed)
    assert is_reachable("::ffff:10.20.3.4", allowed)
    assert is_reachable("fd12::5", allowed)
    assert not is_reachable("10.21.3.4", allowed)
    assert not is_reachable("127.0.0.1", allowed)


def test_a_wide_network_does_not_open_where_clouds_keep_credentials() -> None:
    everything = (ip_network("0.0.0.0/0"), ip_network("::/0"))

    assert is_reachable("127.0.0.1", everything)
    assert is_reachable("::1", everything)
    for address in ("169.254.169.254", "::ffff:169.254.169.254", "168.63.129.16", "fd00:ec2::254", "fe80::1"):
        assert not is_reachable(address, everything)
    assert is_reachable("169.254.169.254", (ip_network("169.254.169.254/32"),))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://example.com/",
        "ftp://example.com/a.wav",
        "example.com/a.wav",
        "//example.com/a.wav",
        "http://",
        "http:///a",
        "http://user:secret@example.com/",
        "http://user@example.com/",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://[::1/",
        "https://exa mple.com/",
        "",
        "https://example.com/" + "a" * 9000,
    ],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1:8080"]
)
def test_numbers_are_looked_at_without_a_name_server(host: str) -> None:
    with pytest.raises(AddressRefused, match="CALLGAUGE_OUTBOUND_NETWORKS"):
        check_url(f"http://{host}/hook")


def test_names_pass_until_they_are_resolved() -> None:
    assert check_url("https://example.com:8443/a?b=c").host == "example.com"
    assert check_url(" HTTPS://Example.com ").host == "example.com"
