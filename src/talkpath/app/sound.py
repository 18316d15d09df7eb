"""The sound of a call in a capture, for the page of an explanation."""

from collections.abc import Callable, Sequence

from talkpath.audio.codecs import NeedsPyAV
from talkpath.audio.names import Names
from talkpath.audio.sides import sides_of
from talkpath.audio.sound import TooLong, for_a_page
from talkpath.explain.judging.explanation import Explained


def sound_of(files: Sequence[str]) -> Callable[[Explained], tuple[bytes, bytes] | None]:
    """Gives the sound of a call; None where there is none in the clear or nothing here decodes it."""

    def sound(one: Explained) -> tuple[bytes, bytes] | None:
        sides = sides_of(one.call, Names())
        if not sides.streams:
            return None
        try:
            return for_a_page(files, sides)
        except (NeedsPyAV, TooLong):
            return None

    return sound
