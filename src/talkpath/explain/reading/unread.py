"""What of a capture was not read, by the reasons that the reader gives: which of it may hold calls."""

from collections.abc import Mapping

# What hides whole packets, SIP and media among them: link layers, tunnels and ciphers that are not read.
_HIDING = (
    *("link type", "loopback family", "PPP protocol", "ERF type", "GRE", "too many", "802.11 encrypted"),
    *("802.11 aggregate", "IP protocol", "other SCTP", "frame cut", "packet cut", "bad IP header", "not IP"),
    "not HEP",
    *("ethertype 0x88e5", "ethertype 0x88e7"),  # MACsec, and provider backbone bridges
)
# IGMP, IGP, EGP, RSVP, EIGRP, OSPF, PIM, VRRP: routers among themselves.
_OF_ROUTERS = frozenset(f"IP protocol {number}" for number in (2, 3, 8, 9, 46, 88, 89, 103, 112))
# Read, and known to be no call.
_HARMLESS = frozenset({"ARP", "LLDP", "LLC", "ICMP", "keep-alive", "empty datagram", "802.11 without data"})


def hiding(unread: Mapping[str, int]) -> dict[str, int]:
    """What may hold calls, the most first."""
    return _sorted(
        {what: count for what, count in unread.items() if what.startswith(_HIDING) and what not in _OF_ROUTERS}
    )


def foreign(unread: Mapping[str, int]) -> dict[str, int]:
    """What was read as far as its ports and is of no protocol known here, the most first."""
    hidden = hiding(unread)
    return _sorted(
        {what: count for what, count in unread.items() if what not in hidden and what not in _HARMLESS | _OF_ROUTERS}
    )


def _sorted(unread: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(unread.items(), key=lambda item: (-item[1], item[0])))
