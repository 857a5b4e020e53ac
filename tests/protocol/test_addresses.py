"""Which addresses are public; IPv4 in disguise counts as what it is."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changeclothes_async.protocol import addresses

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2001:4860:4860::8888"]
LOCAL = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "fe80::5efe:8.8.8.8",
    "2002:7f00:1::5efe:8.8.8.8",
]
IPV4 = [address for address in PUBLIC + LOCAL if "." in address and ":" not in address]
WRAPPED = ["::ffff:{}", "64:ff9b::{}", "64:ff9b:1::{}", "::ffff:0:{}"]
WRAPPED += ["2606:4700::5efe:{}", "2606:4700::200:5efe:{}"]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_public(address):
    """Global unicast addresses are."""
    assert addresses.is_public(address)


@pytest.mark.parametrize("address", LOCAL)
def test_what_only_this_network_reaches_is_not(address):
    """Private, loopback, link-local, metadata, multicast and reserved ones are not."""
    assert not addresses.is_public(address)


@pytest.mark.parametrize("address", IPV4)
@pytest.mark.parametrize("form", WRAPPED)
def test_an_embedded_ipv4_counts(form, address):
    """Mapped, translated, NAT64 and ISATAP addresses are what they hold."""
    assert addresses.is_public(form.format(address)) == (address in PUBLIC)


@pytest.mark.parametrize("address", IPV4)
def test_tunnels_count_as_their_ends(address):
    """6to4 and Teredo hold IPv4 addresses too."""
    number = int(ipaddress.IPv4Address(address))
    six = ipaddress.IPv6Address((0x2002 << 112) | (number << 80))
    teredo = ipaddress.IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF))
    assert addresses.is_public(str(six)) == (address in PUBLIC)
    assert addresses.is_public(str(teredo)) == (address in PUBLIC)


@given(st.text())
def test_a_name_is_no_public_address(text):
    """What is not an IP address is not public, and nothing is raised."""
    assert isinstance(addresses.is_public(text), bool)
    assert not addresses.is_public("x" + text)


@given(st.ip_addresses(v=4))
def test_any_ipv4_is_judged_alike_in_every_disguise(address):
    """A disguise never opens what is closed in the clear."""
    plain = addresses.is_public(str(address))
    assert {addresses.is_public(form.format(address)) for form in WRAPPED} == {plain}
