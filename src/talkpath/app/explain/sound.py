"""The sound of calls in a capture, for the page of an explanation."""

from collections.abc import Callable, Mapping, Sequence

from talkpath.audio.codecs import NeedsPyAV
from talkpath.audio.names import Names
from talkpath.audio.sides import Sides, sides_of
from talkpath.audio.sound import TooLong, check, for_a_page
from talkpath.explain.judging.explanation import Explained

Sounds = Mapping[str, tuple[bytes, bytes]]


def sound_of(files: Sequence[str]) -> Callable[[Sequence[Explained]], Sounds]:
    """Gives the sound of calls, by their ids: of those that have some in the clear which is decoded here. The files
    are read once for all of them."""

    def sound(wanted: Sequence[Explained]) -> Sounds:
        heard: dict[str, Sides] = {}
        for one in wanted:
            sides = sides_of(one.call, Names())
            if sides.streams and _is_decoded(sides):
                heard[one.call.id] = sides
        return dict(zip(heard, for_a_page(files, list(heard.values())), strict=True)) if heard else {}

    return sound


def _is_decoded(sides: Sides) -> bool:
    try:
        check(sides)
    except (NeedsPyAV, TooLong):
        return False
    return True
