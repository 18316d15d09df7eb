"""One try of one gateway, from the choice to the end of the call."""

from talkpath.edge.gateways.credentials import Credentials
from talkpath.edge.gateways.gateway import Gateway, Key
from talkpath.sdp import SessionDescription

#: What a caller is told in place of "Server Internal Error".
NOBODY_TAKES_IT = "No gateway takes the call"


class Through:
    """Which gateway, the name that it knows the try by, and the answers to its challenges within this call."""

    __slots__ = ("credentials", "gateway", "is_begun", "is_told", "key")

    def __init__(self, gateway: Gateway, key: Key, credentials: Credentials) -> None:
        self.gateway = gateway
        self.key = key
        self.credentials = credentials
        #: The gateway knows of the try, and how it went.
        self.is_begun = self.is_told = False

    def wanted(self, description: bytes) -> bytes:
        """An offer with the codecs that the gateway wants, in its order; sections that have none of them stay."""
        codecs = self.gateway.settings.codecs
        if not codecs:
            return description
        session = SessionDescription.parse(description)
        for section in session.of_kind("audio"):
            if any(name in section.codecs for name in codecs):
                section.codecs.keep(*codecs).prefer(*codecs)
        return session.encode()
