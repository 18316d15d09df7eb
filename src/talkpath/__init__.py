"""talkpath: a programmable SIP and WebRTC edge that explains every call."""

__version__ = "0.1.0"
