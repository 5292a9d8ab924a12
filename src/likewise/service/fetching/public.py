"""Which addresses lie on the public internet: everything else may be somebody's own network, or this very machine."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

# `is_global` of the standard library differs between its versions, and lets through what only leads to another address.
_V4_EXCEPT = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # "this network": many systems take it for themselves
            "10.0.0.0/8",
            "100.64.0.0/10",  # behind the NAT of a provider
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local; clouds hand out their keys there
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
_V6_PUBLIC = IPv6Network(
    "2000::/3"
)  # so neither ::1, mapped IPv4, NAT64 (64:ff9b::), unique local, link-local nor multicast
_V6_EXCEPT = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID and others of special use
            "2001:db8::/32",
            "2002::/16",  # 6to4: holds any IPv4 address
            "3fff::/20",
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether an IP address in digits is one that anybody on the internet has.

    >>> is_public("93.184.216.34"), is_public("127.0.0.1"), is_public("169.254.169.254"), is_public("::ffff:93.184.216.34")
    (True, False, False, False)
    """
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv4Address):
        return not any(found in each for each in _V4_EXCEPT)
    if found.scope_id is not None:
        return False
    return found in _V6_PUBLIC and not any(found in each for each in _V6_EXCEPT)
