"""What is said in recorded calls, as the configuration names it."""

from functools import lru_cache
from pathlib import Path

from talkpath.app.config.recording import Recording
from talkpath.media.engine import Clip

# Files that many accounts may share: each is read, and held in memory, once.
_CLIPS = 64


def announcement_of(file: str) -> Clip | None:
    """An announcement, read from its file; None where nothing is said. Raises as `read_clip`."""
    if not file:
        return None
    try:
        saved_at = Path(file).stat().st_mtime_ns
    except OSError:
        saved_at = 0
    return _read(file, saved_at)


@lru_cache(_CLIPS)
def _read(file: str, saved_at: int) -> Clip:
    # Only who announces something pays for loading the library that reads it.
    from talkpath.audio.clip import read_clip

    return read_clip(Path(file))


def beep_of(recording: Recording) -> Clip | None:
    """The beep, None where there is none."""
    if not recording.beep_every_s:
        return None
    from talkpath.audio.clip import beep

    return beep()


def told_of(recording: Recording) -> tuple[str, ...]:
    """The sides that hear it."""
    return ("caller", "callee") if recording.announcement_to == "both" else (recording.announcement_to,)
