"""Where a section's lines are that a relay reads or rewrites, found in one pass.

`MediaSection`'s own properties look for one thing each and are for scripts; carrying a description needs most of them
at once, for every message that has one.
"""

from talkpath.sdp.values import Direction

# An agent that does not speak ICE must not pass on somebody else's: the checks would go past it (RFC 8839 section 4).
# `alt` and `altc` (RFC 6947) are older ways to name more addresses.
ICE_ATTRIBUTES = (
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-lite",
    "ice-mismatch",
    "ice-pacing",
    "alt",
    "altc",
)


class Outline:
    """Line numbers (None or empty where there is no such line), and what the lines say that are read anyway."""

    __slots__ = ("connections", "direction", "grouped", "ice", "keyed", "mid", "mux", "rtcp", "rtpmaps")

    def __init__(self, lines: list[str]) -> None:
        self.connections: list[int] = []
        self.direction: Direction | None = None
        self.rtcp: int | None = None
        self.mid: int | None = None
        self.mux: int | None = None
        self.ice: list[int] = []
        self.rtpmaps: list[str] = []
        self.grouped = False
        #: keys are offered, or a certificate for them, whatever the profile says
        self.keyed = False
        for at, line in enumerate(lines):
            kind = line[:2]
            if kind == "a=":
                name, _, value = line.partition(":")
                if name == "a=rtpmap":
                    self.rtpmaps.append(value)
                elif (found := _FOUND.get(name.rstrip())) is not None:
                    self._add(found, at)
            elif kind == "c=":
                self.connections.append(at)

    def _add(self, found: str, at: int) -> None:
        if found == "ice":
            self.ice.append(at)
        elif found == "rtcp":
            self.rtcp = at if self.rtcp is None else self.rtcp
        elif found == "mux":
            self.mux = at
        elif found == "mid":
            self.mid = at
        elif found == "group":
            self.grouped = True
        elif found == "keyed":
            self.keyed = True
        else:
            self.direction = self.direction or _DIRECTIONS[found]


_DIRECTIONS = {str(direction): direction for direction in Direction}
_FOUND = {f"a={name}": "ice" for name in ICE_ATTRIBUTES}
_FOUND |= {f"a={direction}": direction for direction in _DIRECTIONS}
_FOUND |= {"a=crypto": "keyed", "a=fingerprint": "keyed"}
_FOUND |= {"a=rtcp": "rtcp", "a=rtcp-mux": "mux", "a=rtcp-mux-only": "mux", "a=group": "group", "a=mid": "mid"}
