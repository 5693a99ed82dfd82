"""Requests that name another host, come from another page, or would make the server fetch from inside."""
# ruff: noqa: E501

import ipaddress
import socket

import httpx
import pytest

from r1v.server.addresses import refuse_address
from tests.server.conftest import Served

PORT = "PORT"  # the server's own


def status(served: Served, head: str) -> int:
    """The status of a request whose head is written as it is."""
    port = served.url.rsplit(":", 1)[1]
    with socket.create_connection(("127.0.0.1", int(port)), timeout=60) as connection:
        connection.sendall(head.replace(PORT, port).replace("\n", "\r\n").encode() + b"\r\n\r\n")
        return int(connection.recv(4096).split(b" ")[1])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "localhost:PORT", "127.0.0.1", "127.0.0.1:PORT", "127.0.0.2:PORT", "[::1]",
     "[::1]:PORT"],
)  # fmt: skip
def test_this_machine_is_answered(served: Served, host: str) -> None:
    assert status(served, f"GET /v1/models HTTP/1.1\nHost: {host}") == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1.evil.com:PORT", "127.0.0.1.evil.com", "127.evil.example", "127.1", "evil.example", "localhost.evil",
     "localhost.", "evil.localhost", "127.0.0.1:1", "localhost:1", "localhost:99999", "localhost:PORT0",
     "127.0.0.1:PORT@evil.example", "evil.example@127.0.0.1:PORT", "127.0.0.1 evil", "[::1].evil", "[::1]evil:PORT",
     "[::ffff:127.0.0.1]", "[::1%25lo]", "::1", "0.0.0.0", "0.0.0.0:PORT", "10.0.0.1", "2130706433", "0x7f000001",
     "0177.0.0.1", "127.0.0.1:", "127.0.0.1:PORT:PORT", "", "[]", "１２７.0.0.1", "127。0。0。1", "localhost\\evil",
     "localhost#evil", "localhost/evil", "localhost?evil", "127.0.0.1,evil.example", "*", "[127.0.0.1]", "[127.0.0.1]:PORT", "[1]"],
)  # fmt: skip
def test_other_hosts_are_refused(served: Served, host: str) -> None:
    assert status(served, f"GET /v1/models HTTP/1.1\nHost: {host}") in (400, 403)


def test_two_hosts_are_refused(served: Served) -> None:
    assert status(served, "GET /v1/models HTTP/1.1\nHost: localhost\nHost: evil.example") == 400
    assert status(served, "GET http://evil.example/v1/models HTTP/1.1\nHost: evil.example") in (400, 403)


GOOD = {"model": "tiny", "prompt": "x"}


@pytest.mark.parametrize("site", [None, "none", "same-origin", "same-site", "cross-site", "nonsense"])
@pytest.mark.parametrize(
    "origin",
    [None, "own", "null", "https://a.example", "http://127.0.0.1.evil.com", "http://localhost:1", "evil", "",
     "http://127.0.0.1@evil.example", "file://", "http://[::1]"],
)  # fmt: skip
def test_only_pages_of_this_server_may_write(served: Served, origin: str | None, site: str | None) -> None:
    headers = {} if site is None else {"Sec-Fetch-Site": site}
    if origin is not None:
        headers["Origin"] = served.url if origin == "own" else origin
    answer = httpx.post(served.url + "/tokenize", json=GOOD, headers=headers, timeout=60)
    good = origin in (None, "own") and site in (None, "none", "same-origin")
    assert answer.status_code == (200 if good else 403), answer.text


@pytest.mark.parametrize(
    "lines",
    ["Origin: OWN\nOrigin: https://evil.example", "Sec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site",
     "Origin: null, OWN", "Origin: ws://localhost:PORT", "Origin: OWN, https://evil.example"],
)  # fmt: skip
def test_one_foreign_header_among_others_is_enough(served: Served, lines: str) -> None:
    own = "http://localhost:PORT"
    head = f"POST /tokenize HTTP/1.1\nHost: localhost:PORT\nContent-Length: 0\n{lines.replace('OWN', own)}"
    assert status(served, head) == 403


# From IANA's registries of special-purpose addresses, their first, some middle and last addresses.
INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.255 169.254.169.254
172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.9 192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1
192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
255.255.255.255 168.63.129.16 100.100.100.200 :: ::1 ::2 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1
::ffff:192.0.0.8 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::c000:8
64:ff9b:1::1 64:ff9b:1::808:808 100::1 100:0:0:1::1 2001::1 2001:0:7f00:1:: 2001:1::1 2001:2::1 2001:3::1
2001:10::1 2001:20::1 2001:30::1 2001:db8::1 2002:7f00:1:: 2002:a00:1:: 2002:c0a8:1:: 2002:a9fe:a9fe::
2002:c000:8:: 2002:808:808::1 3fff::1 3fff:fff::1 4000::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1 fe80::7f00:1 fec0::1
feff::1 ff00::1 ff02::1 ff0e::1
"""
OUTSIDE = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 93.184.216.34 100.63.255.255 100.128.0.0 172.15.255.255 172.32.0.0
192.0.1.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 2606:2800:220:1::1
2a00:1450::1 2001:200::1 2001:4860:4860::8888 2400:cb00::1 64:ff9b::808:808 ::ffff:8.8.8.8
"""


@pytest.mark.parametrize("address", INSIDE.split())
def test_addresses_that_are_not_reachable_from_everywhere_are_refused(address: str) -> None:
    assert refuse_address(ipaddress.ip_address(address)) is not None


@pytest.mark.parametrize("address", OUTSIDE.split())
def test_public_addresses_pass(address: str) -> None:
    assert refuse_address(ipaddress.ip_address(address)) is None


def test_the_table_agrees_with_the_standard_library() -> None:
    """What Python knows to be private or reserved is refused too, whatever our table says."""
    import random

    rng = random.Random(0)
    for _ in range(20_000):
        for bits, kind in ((32, ipaddress.IPv4Address), (128, ipaddress.IPv6Address)):
            address = kind(rng.getrandbits(bits))
            if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
                assert refuse_address(address) is not None, address
