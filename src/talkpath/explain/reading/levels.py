"""What can be heard in a stream, second by second: the common ground of the silence rules."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from talkpath.capture.records import RtpStream, Second
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.talk import MediaPath, Span

# Mean power of a second in dBov: quiet speech on G.711 is above the first, an open line without a voice below the
# second (idle noise of a handset whose microphone is not connected).
SPEECH_DBOV = -45.0
NEAR_SILENCE_DBOV = -60.0
# A person who listens for this long without saying a word is rare; a muted one is not, so the end decides severity.
LEAST_SILENT_S = 5
# A call that is no longer than this can only be silent throughout: so much of it is looked at.
SHORT_S = 6.0
LEAST_OF_SHORT_S = 3
# The share of seconds that must be silent.
SHARE = 0.95


class Quiet(Struct, frozen=True):
    """A direction in which nothing is heard: since when, how long, and whether it was so from the beginning.
    `is_short`: of a call so short that this says little by itself."""

    path: MediaPath
    stream: RtpStream
    since: float
    silent_s: int
    from_start: bool
    other_spoke_s: int
    level_dbov: float
    is_short: bool = False


def is_flat(second: Second) -> bool:
    """Every packet of it has a waveform that is a straight line."""
    return second.packets > 0 and second.flat >= second.packets - second.noise - second.events and second.flat > 0


def is_faint(second: Second) -> bool:
    """Sound that nobody can hear, but not a straight line."""
    return second.level_dbov < NEAR_SILENCE_DBOV and not is_flat(second)


def quiet_directions(story: Story, flat: bool) -> Iterator[tuple[bool, Quiet]]:
    """The directions in which nothing (`flat`: a straight line, else faint noise) is heard, at the first path."""
    for from_caller in (True, False):
        paths = story.talk.paths if from_caller else story.talk.paths[::-1]
        for path in paths:
            quiet = _quiet(path, from_caller, flat)
            if quiet is not None:
                yield from_caller, quiet
                break


def silent_throughout(stream: RtpStream) -> int:
    """For how many seconds a stream is a straight line, where it is nothing else; 0 where it is."""
    if not _is_candidate(stream, True, LEAST_SILENT_S):
        return 0
    seconds = list(stream.seconds())
    voiced = [second for second in seconds if second.packets and second.level_dbov == second.level_dbov]
    silent = sum(1 for second in voiced if is_flat(second))
    is_so = silent >= max(LEAST_SILENT_S, SHARE * len(voiced)) and not _is_suppressed(seconds)
    return silent if is_so else 0


def _quiet(path: MediaPath, from_caller: bool, flat: bool) -> Quiet | None:
    spans = path.expected(from_caller)
    is_short = sum(span.seconds for span in spans) <= SHORT_S
    least = LEAST_OF_SHORT_S if is_short else LEAST_SILENT_S
    for stream in path.heard(from_caller):
        if not _is_candidate(stream, flat, least):
            continue
        seconds = [second for second in stream.seconds() if _within(second, spans)]
        test = is_flat if flat else is_faint
        voiced = [second for second in seconds if second.packets and second.level_dbov == second.level_dbov]
        if _is_suppressed(seconds):
            continue
        run = _last_run(voiced, test)
        from_start = len(run) >= SHARE * len(voiced) and not _was_heard(path, from_caller, stream)
        if len(run) < least or (is_short and not from_start):
            continue
        spoke = sum(spoken_s(other, run[0].time) for other in path.heard(not from_caller))
        levels = [second.level_dbov for second in run]
        since = max(run[0].time, stream.start)
        return Quiet(path, stream, since, len(run), from_start, spoke, sum(levels) / len(levels), is_short)
    return None


def _was_heard(path: MediaPath, from_caller: bool, stream: RtpStream) -> bool:
    """The same side could be heard in a stream before, within the talk."""
    before = (rtp for rtp in path.heard(from_caller) if rtp.start < stream.start and rtp.end > path.answered_at + 1)
    return any(rtp.level_dbov > SPEECH_DBOV for rtp in before)


def _is_candidate(stream: RtpStream, flat: bool, least_s: int) -> bool:
    """Cheap looks at the whole stream before its seconds are unpacked."""
    if stream.end - stream.start < least_s - 1 or stream.level_dbov != stream.level_dbov:
        return False
    return stream.flat * 20 >= stream.packets if flat else stream.level_dbov < SPEECH_DBOV


def _within(second: Second, spans: list[Span]) -> bool:
    return any(span.start <= second.time + 0.5 <= span.end for span in spans)


def _is_suppressed(seconds: list[Second]) -> bool:
    """Silence suppression with comfort noise: silence is what it is for (RFC 3389)."""
    return any(second.noise for second in seconds)


def _last_run(seconds: list[Second], test: Callable[[Second], bool]) -> list[Second]:
    """The seconds of the silence that lasts to the end; a click or two within it do not end it."""
    run: list[Second] = []
    misses = 0
    for second in reversed(seconds):
        if test(second):
            run.append(second)
            continue
        misses += 1
        if misses > 1 + len(run) * (1 - SHARE):
            break
    return run[::-1]


def spoken_s(stream: RtpStream, since: float) -> int:
    """For how many seconds somebody speaks in a stream."""
    return sum(1 for second in stream.seconds() if second.time >= since - 1 and second.level_dbov > SPEECH_DBOV)
