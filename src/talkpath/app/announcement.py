"""What is said in recorded calls, as the configuration names it."""

from pathlib import Path

from talkpath.app.config.recording import Recording
from talkpath.media.engine import Clip


def announcement_of(recording: Recording) -> Clip | None:
    """The announcement, read from its file; None where nothing is said. Raises as `read_clip`."""
    if not recording.announcement:
        return None
    # Only who announces something pays for loading the library that reads it.
    from talkpath.audio.clip import read_clip

    return read_clip(Path(recording.announcement))


def beep_of(recording: Recording) -> Clip | None:
    """The beep, None where there is none."""
    if not recording.beep_every_s:
        return None
    from talkpath.audio.clip import beep

    return beep()


def told_of(recording: Recording) -> tuple[str, ...]:
    """The sides that hear it."""
    return ("caller", "callee") if recording.announcement_to == "both" else (recording.announcement_to,)
