"""What one leg says to another, as both announced it."""

from functools import lru_cache
from typing import NamedTuple

from talkpath.media.announced import Announced, Formats
from talkpath.media.conversion import Conversion


class Talk(NamedTuple):
    """One section as a leg announced it, as the other side did, whether this leg has RTCP on its RTP port, and what
    becomes of what it says where the sides share no codec. `is_kept` is for a hold that a page does not know of."""

    own: Announced
    other: Announced
    mux: bool
    way: Conversion | None = None
    is_kept: bool = False

    @property
    def passes(self) -> bool:
        """Whether what it says goes on. Who holds with a zero address wants nothing sent (RFC 3264 section 8.4);
        other holds may have music, unless one side was not told of them."""
        is_open = not self.is_kept or (self.own.sends and self.other.receives)
        return self.own.live and self.other.live and not self.other.held_by_address and is_open

    @property
    def formats(self) -> tuple[tuple[int, int, str], ...]:
        """The payload types that the leg may send."""
        return _spoken(self.own.formats, self.other.formats) if self.way is None else self.way.formats


@lru_cache(maxsize=1024)
def _spoken(own: Formats, other: Formats) -> tuple[tuple[int, int, str], ...]:
    """The payload types this leg may send: those the other side asked for, then its own (RFC 3264 section 5.1)."""
    formats = {one[0]: one for one in own.payload_types}
    formats.update((one[0], one) for one in other.payload_types)
    return tuple(formats.values())
