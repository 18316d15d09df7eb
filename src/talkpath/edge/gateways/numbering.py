"""Numbers as a gateway wants them, and URIs with them."""

import re

from talkpath.edge.gateways.settings import GatewaySettings, Numbers
from talkpath.sip.uri import Uri

# A number of another country, as people dial it in most of the world. E.164 has at most 15 digits.
_INTERNATIONAL = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})")
_PREFIX = {Numbers.PLUS: "+", Numbers.DIGITS: "", Numbers.ZEROS: "00"}


def written(number: str, wanted: Numbers) -> str:
    """A number in the form that is wanted. One that bears no country code stays as it is: which one it lacks is
    nothing that can be told from it."""
    if wanted is Numbers.AS_DIALLED:
        return number
    match = _INTERNATIONAL.fullmatch(number)
    return number if match is None else _PREFIX[wanted] + match[1]


def uri_of(settings: GatewaySettings, user: str = "", host: str = "") -> Uri:
    """The URI of a gateway, or of a user there."""
    params: dict[str, str | None] = {}
    if settings.transport is not None:
        params["transport"] = settings.transport.lower()
    return Uri("sip", user, host or settings.address, None if host else settings.port, params)
