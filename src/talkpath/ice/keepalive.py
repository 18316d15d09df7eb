"""STUN where there is no ICE: phones keep the way through their NAT to the SIP port open with Binding requests, and
learn from the answer whether it still leads to the same address (RFC 5626 section 4.4.2).

There are no credentials. An answer holds what the asker needs and no more, so that a forged source gains nothing.
"""

from talkpath.base.address import Address
from talkpath.ice import stun
from talkpath.ice.stun import Attr, Kind, Stun, StunMalformed


def answer_to(data: bytes, source: Address) -> bytes | None:
    """What to send back to `source`; None for everything that is no Binding request."""
    try:
        message = Stun.parse(data)
    except StunMalformed:
        return None
    if message.kind is not Kind.REQUEST or message.method != stun.BINDING:
        return None
    if message.unknown:
        # RFC 8489 section 6.3.1
        unknown = (Attr.UNKNOWN_ATTRIBUTES, stun.packed_unknown(message.unknown))
        return _written(message, Kind.ERROR, (Attr.ERROR_CODE, stun.packed_error(420, "")), unknown)
    mapped = (Attr.XOR_MAPPED_ADDRESS, stun.packed_xor_address(source, message.transaction))
    return _written(message, Kind.SUCCESS, mapped)


def _written(message: Stun, kind: Kind, *attributes: tuple[Attr, bytes]) -> bytes:
    return stun.write(kind, message.transaction, attributes, fingerprint=message.has_fingerprint)
