"""Where a peer is reached: on the flow it came on, or at its Contact."""

from ipaddress import ip_address

from talkpath.base.address import Address, Flow, Transport
from talkpath.base.errors import Malformed
from talkpath.sip.uri import Uri


def reached_at(flow: Flow, contact: str, behind_nat: bool) -> Flow:
    """Where requests to a peer go that came on `flow` and gave this Contact: to its Contact (RFC 3261 section 16.6
    step 7), which is another port than it sends from with SIPp and many PBXs.

    The flow itself stays where the Contact says nothing better: behind a NAT; over a connection, which is open and is
    read by whoever opened it; with `ob` (RFC 5626 section 5.3), or a name or another host in the Contact.
    """
    if behind_nat or flow.transport.is_reliable:
        return flow
    try:
        uri = Uri.parse(contact)
    except Malformed:
        return flow
    port = uri.port or Transport.UDP.default_port
    if port == flow.remote.port or "ob" in uri.params or uri.transport not in (None, Transport.UDP):
        return flow
    return flow._replace(remote=Address(flow.remote.host, port)) if is_same_host(uri.host, flow.remote.host) else flow


def is_same_host(text: str, host: str) -> bool:
    """Whether two spellings mean one address (IPv6 has several)."""
    if text == host or ":" not in text:
        return text == host
    try:
        return str(ip_address(text)) == host
    except ValueError:
        return False
