"""Hosts, addresses and ports as a configuration writes them."""

import ipaddress
import re

from talkpath.base.address import Address

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")


def parse_endpoint(text: str) -> tuple[str, int | None] | None:
    """Host and port of `host`, `host:port`, an IPv6 address or `[IPv6]:port`; None when it is none of these."""
    if is_address(text):
        return text, None
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", text)
    if not found:
        return None
    bracketed, plain, digits = found.groups()
    port = int(digits) if digits else None
    is_good = is_address(bracketed) and ":" in bracketed if bracketed else is_host(plain)
    return (bracketed or plain, port) if is_good and port not in range(65536, 100_000) and port != 0 else None


def parse_address_and_port(text: str) -> Address | None:
    """The address of `192.0.2.1:80` or `[2001:db8::1]:80`; None for anything else."""
    found = parse_endpoint(text)
    return Address(found[0], found[1]) if found and found[1] is not None and is_address(found[0]) else None


def is_address(text: str) -> bool:
    """An IP address, without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def is_host(text: str) -> bool:
    """A host name or IPv4 address; four numbers with a wrong one among them are neither."""
    return is_address(text) or (bool(_HOST_NAME.fullmatch(text)) and not re.fullmatch(r"[\d.]+", text))
