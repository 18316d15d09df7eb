"""One call's media as a machine: its legs, what they agreed, and how the engine relays it.

It knows descriptions and ports; SIP messages, sockets and packets are elsewhere. `MediaSession` is the way in.
"""

from talkpath.media.engine import Climbed, Engine, EngineEvent, FirstHeard, Latched, TimedOut
from talkpath.media.keying import Security
from talkpath.media.moments import MediaMoment
from talkpath.media.negotiation import Exchange
from talkpath.media.policy import CALLER, LegId, MediaAddress, MediaPolicy, MediaRefused, Origin
from talkpath.media.ports import PortTotals
from talkpath.media.service import Service
from talkpath.media.session import MediaSession
from talkpath.media.silence import MediaDied

__all__ = [
    "CALLER",
    "Climbed",
    "Engine",
    "EngineEvent",
    "Exchange",
    "FirstHeard",
    "Latched",
    "LegId",
    "MediaAddress",
    "MediaDied",
    "MediaMoment",
    "MediaPolicy",
    "MediaRefused",
    "MediaSession",
    "Origin",
    "PortTotals",
    "Security",
    "Service",
    "TimedOut",
]
