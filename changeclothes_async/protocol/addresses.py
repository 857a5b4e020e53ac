"""What an address leads to: this machine, the public internet, or neither."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

# IPv4 inside IPv6: NAT64 (RFC 6052, RFC 8215), compatible (RFC 4291) and translated (RFC 2765).
_EMBEDDING = [
    ipaddress.IPv6Network(network)
    for network in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96", "::ffff:0:0:0/96")
]
_ISATAP = 0x5EFE  # before an IPv4, in an address of any network (RFC 5214)
_PROTOCOLS = ipaddress.IPv4Network("192.0.0.0/24")  # not global (RFC 6890), as old Pythons think


def parts(url: str) -> SplitResult | None:
    """Take an address apart; None where it names no host, or is none."""
    try:
        found = urlsplit(url)
        return found if found.hostname and found.port != 0 else None
    except ValueError:
        return None


def is_here(url: str) -> bool:
    """Tell whether an address leads to this machine."""
    return is_loopback(urlsplit(url).hostname or "")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_public(host: str) -> bool:
    """Tell whether an IP address is one of the public internet, embedded IPv4 unwrapped.

    Private, loopback, link-local (cloud metadata), multicast and reserved ones are not.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    upper, lower = divmod(int(address), 2**32)
    if upper & 0xFDFFFFFF == _ISATAP and not is_public(str(ipaddress.IPv4Address(lower))):
        return False
    inner = _embedded(address) if isinstance(address, ipaddress.IPv6Address) else None
    if inner:
        return is_public(str(inner))
    special = (
        address.is_multicast or address.is_reserved or getattr(address, "is_site_local", False)
    )
    return address.is_global and not special and address not in _PROTOCOLS


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _EMBEDDING):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
