"""How a party behaves when it is asked something. Every value may be changed while calls run."""

from collections.abc import Sequence
from typing import TypedDict


class Manner(TypedDict, total=False):
    """The keywords that `Network.phone`, `browser`, `gateway` and `stranger` take, and the attributes of a party.

    Times are in seconds of the test.
    """

    #: hears everything and says nothing
    silent: bool
    #: its first word comes only after that time
    late_s: float
    #: says 100 at once, and 180
    trying: bool
    rings: bool
    #: from its 180 to its final answer
    rings_s: float
    #: that answer: 200 picks up, 486 is busy, 503 is a carrier without channels
    status: int
    reason: str
    #: answers 302 with this in Contact
    redirects_to: str
    #: answers 407 first, and goes on with who knows the password
    challenges: bool
    #: says 183 with a description instead of 180
    early_media: bool
    #: hangs up that long after it picked up
    hangs_up_s: float | None
    #: what it answers OPTIONS with; None for nothing
    options: int | None
    #: what it offers and takes, the preferred first; none of video for no picture
    codecs: Sequence[str]
    video: Sequence[str]


class Mannered:
    """The same as attributes, with what they are when nothing is said."""

    def __init__(self, **manner: object) -> None:
        self.silent = False
        self.late_s = 0.0
        self.trying = True
        self.rings = True
        self.rings_s = 1.0
        self.status = 200
        self.reason = ""
        self.redirects_to = ""
        self.challenges = False
        self.early_media = False
        self.hangs_up_s: float | None = None
        self.options: int | None = 200
        self.codecs: Sequence[str] = ("PCMU", "PCMA", "telephone-event")
        self.video: Sequence[str] = ()
        for name, value in manner.items():
            if name not in Manner.__annotations__:
                raise TypeError(f"nobody is {name}; there is {', '.join(Manner.__annotations__)}")
            setattr(self, name, value)
