"""Sounds that a script has played to the sides of a recorded call."""

from os import PathLike
from pathlib import Path

from talkpath.edge.calls.tape import Announcement


def announcement(file: str | PathLike[str]) -> Announcement:
    """A sound file (WAV, FLAC, MP3 and others; a minute at most) for `call.record(announcement=...)`.

    Read it where the script begins, outside its functions: that takes a while, and what cannot be read is then told
    when the script is loaded. Raises `TalkpathError`.
    """
    # Only who announces something pays for loading the library that reads it.
    from talkpath.audio.clip import read_clip

    return Announcement(read_clip(Path(file)))
