"""What `talkpath wav` does: a call's sound out of a capture or a recording, as a file, and as a picture of it.

Exit codes: 0 all were written, 2 one could not be read or written (or the command was wrong).
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.state.private import begin_output
from talkpath.app.wav import words as texts
from talkpath.audio.codecs import NeedsPyAV
from talkpath.audio.files import Form, write
from talkpath.audio.names import Names
from talkpath.audio.recorded import Recorded, metadata_of, pcap_of, read_metadata
from talkpath.audio.sides import Sides, sides_of, two_sides
from talkpath.audio.sound import Layout, Sound, TooLong
from talkpath.base.errors import Malformed, TalkpathError
from talkpath.base.readable import readable
from talkpath.base.texts import Language
from talkpath.calls.captured import CaptureLedger
from talkpath.calls.model import Call
from talkpath.capture.reader import STDIN, Capture, UnreadableCapture
from talkpath.capture.records import RtpStream

DONE, FAILED = 0, 2


class Unheard(Trouble):
    """A file that cannot be converted: exit code 2."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of each file. `out` is a file, or a folder where there are several."""

    call: str = ""
    out: Path | None = None
    form: Form | None = None
    layout: Layout = Layout.STEREO
    rate: int | None = None
    names: Names = field(default_factory=Names)
    picture: bool = False


#: Tells how far it is: what is done, and of how much.
Told = Callable[[int, int], None]


def make_files(files: Sequence[str], wishes: Wishes, jobs: int, language: Language) -> int:
    """Convert each; what cannot be is said, and the others are converted all the same. Gives the exit code."""
    if len(files) > 1 and wishes.out is not None and not wishes.out.is_dir():
        raise Unheard("not-a-folder", phrase(texts.NOT_A_FOLDER, folder=wishes.out))
    if twice := _written_twice(files, wishes):
        raise Unheard("same-target", phrase(texts.SAME_TARGET, file=twice))
    if jobs > 1 and len(files) > 1:
        return _side_by_side(files, wishes, jobs, language)
    codes = [_said(*_attempt(file, wishes, language)) for file in files]
    return max(codes)


def _side_by_side(files: Sequence[str], wishes: Wishes, jobs: int, language: Language) -> int:
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from multiprocessing import get_context

    codes = []
    with ProcessPoolExecutor(min(jobs, len(files)), mp_context=get_context("spawn")) as pool:
        try:
            with _bar(texts.CONVERTING_MANY.say(language)) as told:
                waiting = [pool.submit(_attempt, file, wishes, language, is_alone=False) for file in files]
                for done, one in enumerate(as_completed(waiting), 1):
                    codes.append(_said(*one.result()))
                    told(done, len(files))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return max(codes)


def _said(lines: Sequence[str], code: int) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return code


def _attempt(file: str, wishes: Wishes, language: Language, *, is_alone: bool = True) -> tuple[list[str], int]:
    """What is to be said of one file, and its exit code."""
    try:
        if not is_alone:
            return [one.say(language) for one in convert(file, wishes, lambda _done, _size: None)], DONE
        with _bar(texts.CONVERTING.say(language, file=file)) as told:
            said = convert(file, wishes, told)
        return [one.say(language) for one in said], DONE
    except UnreadableCapture as error:
        return [texts.UNREADABLE.say(language, file=error.place, what=error.say(language))], FAILED
    except Trouble as error:
        return [texts.UNREADABLE.say(language, file=file, what=error.what.say(language))], FAILED
    except TalkpathError as error:
        place = "" if error.place else f"{file}: "
        return [f"{place}{error}"], FAILED


@contextmanager
def _bar(text: str) -> Iterator[Told]:
    """On a terminal a bar shows how far it is."""
    if not sys.stderr.isatty():
        yield lambda _done, _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size or None)


def convert(file: str, wishes: Wishes, told: Told) -> list[Phrase]:
    """Write the sound of one capture or recording, and say what was written. Raises `Unheard` and what reading
    raises."""
    if file == STDIN:
        raise Unheard("not-twice", phrase(texts.NOT_TWICE))
    path, recorded = _source(Path(file))
    heard = _heard(path, recorded, wishes, told)
    form, target = target_of(path, wishes)
    try:
        sound = Sound([str(path)], heard.sides, layout=wishes.layout, rate=wishes.rate, peaks=_columns(wishes))
        seconds = _written(sound, form, target, path, told)
    except NeedsPyAV as error:
        raise Unheard("needs-pyav", phrase(texts.NEEDS_PYAV, codec=error.encoding)) from None
    except TooLong as error:
        raise Unheard("too-long", phrase(texts.TOO_LONG, days=round(error.days))) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unheard("cannot-write", phrase(texts.CANNOT_WRITE, file=target, reason=reason)) from None
    said = [phrase(texts.WRITTEN, seconds=seconds, file=target), *heard.remarks]
    if refused := sound.counts.refused:
        said.append(phrase(texts.REFUSED, count=refused, packets=sound.counts.packets))
    if wishes.picture:
        said.append(_pictured(sound, heard, target, path))
    return said


# --- what is read


@dataclass(frozen=True, slots=True)
class _Heard:
    """Who is heard, what is remarked about it, and what is known of the call."""

    sides: Sides
    remarks: tuple[Phrase, ...]
    call: Call | None
    recorded: Recorded | None


def _source(path: Path) -> tuple[Path, Recorded | None]:
    """The capture, and what stands beside it: named by either of the two."""
    try:
        if path.suffix in (".txt", ".tmp") and path.name.startswith("rtpengine-meta-"):
            recorded = read_metadata(path)
            return pcap_of(path, recorded), recorded
        beside = metadata_of(path)
        return path, read_metadata(beside) if beside is not None else None
    except Malformed:
        # A text of somebody else, or one that was cut, takes nothing from the capture itself.
        return path, None
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unheard("cannot-read", phrase(texts.CANNOT_READ, file=path, reason=reason)) from None


def _heard(path: Path, recorded: Recorded | None, wishes: Wishes, told: Told) -> _Heard:
    capture, ledger = Capture([str(path)]), CaptureLedger()
    for batch in capture.batches():
        ledger.take(batch)
        at = capture.progress
        # The capture is read once for what it holds and once for its sound.
        told(at.read_bytes, 2 * at.size_bytes)
    calls = ledger.calls()
    call, sides, streams = _chosen(calls, ledger.strays, recorded, wishes)
    if not sides.streams:
        raise _why_nothing(streams, sides.names)
    return _Heard(sides, tuple(_remarks(streams, sides)), call, recorded)


def _chosen(
    calls: Sequence[Call], strays: list[RtpStream], recorded: Recorded | None, wishes: Wishes
) -> tuple[Call | None, Sides, list[RtpStream]]:
    """The call named, the only one, or what belongs to none; with all its streams."""
    if wishes.call:
        wanted = readable(wishes.call)
        found = [c for c in calls if c.id.startswith(wishes.call) or wanted in map(readable, c.call_ids)]
        if not found:
            raise Unheard("no-such-call", phrase(texts.NO_SUCH_CALL, id=wishes.call))
        return found[0], sides_of(found[0], wishes.names), [stream.rtp for stream in found[0].streams]
    heard = [(call, sides_of(call, wishes.names)) for call in calls if call.streams]
    audible = [(call, sides) for call, sides in heard if sides.streams]
    if len(audible) > 1:
        ids = ", ".join(call.id for call, _ in audible[:10])
        raise Unheard("several-calls", phrase(texts.SEVERAL_CALLS, count=len(audible), ids=ids))
    if audible:
        call, sides = audible[0]
        return call, sides, [stream.rtp for stream in call.streams]
    every = [stream.rtp for call, _ in heard for stream in call.streams] + strays
    sides = recorded.sides(strays, wishes.names) if recorded else two_sides(strays, wishes.names)
    return (heard[0][0] if len(heard) == 1 else None), sides, every


def _why_nothing(streams: Sequence[RtpStream], names: Names) -> Unheard:
    audio = [stream for stream in streams if stream.media in ("audio", "")]
    if unknown := [stream for stream in audio if names.unknown_in(stream) and not stream.is_encrypted]:
        stream = unknown[0]
        number = names.unknown_in(stream)[0]
        clock = round(stream.rate_hz) if stream.rate_hz else "?"
        return Unheard("unnamed", phrase(texts.UNNAMED, number=number, clock=clock))
    if strange := sorted({name for stream in audio for name in names.strange_in(stream) if not stream.is_encrypted}):
        return Unheard("no-decoder", phrase(texts.NO_DECODER, codecs=", ".join(strange)))
    if any(stream.is_encrypted for stream in audio):
        return Unheard("encrypted", phrase(texts.ENCRYPTED))
    return Unheard("no-audio", phrase(texts.NO_AUDIO))


def _remarks(streams: Sequence[RtpStream], sides: Sides) -> Iterator[Phrase]:
    """What is not heard though something else is."""
    unknown = {number for stream in streams if not stream.is_encrypted for number in sides.names.unknown_in(stream)}
    if unknown:
        yield phrase(texts.ALSO_UNNAMED, numbers=", ".join(map(str, sorted(unknown))))
    strange = {name for stream in streams if not stream.is_encrypted for name in sides.names.strange_in(stream)}
    audible = {name for name in strange if name.lower() not in ("vp8", "vp9", "h264", "h265", "av1", "rtx", "ulpfec")}
    if audible:
        yield phrase(texts.ALSO_NO_DECODER, codecs=", ".join(sorted(audible)))
    if any(stream.is_encrypted and stream.media == "audio" for stream in streams):
        yield phrase(texts.ALSO_ENCRYPTED)


# --- what is written


def target_of(path: Path, wishes: Wishes) -> tuple[Form, Path]:
    """Which kind of file, and where."""
    out = wishes.out
    if out is None or out.is_dir():
        form = wishes.form or Form.WAV
        name = path.stem + f".{form}"
        return form, (path.parent if out is None else out) / name
    known = {f".{one}": one for one in Form} | {".ogg": Form.OPUS}
    form = wishes.form or known.get(out.suffix.lower(), Form.WAV)
    return form, out


def _written_twice(files: Sequence[str], wishes: Wishes) -> Path | None:
    """A file that two captures would become."""
    seen: set[Path] = set()
    for file in files:
        _, target = target_of(_source_name(Path(file)), wishes)
        if target in seen:
            return target
        seen.add(target)
    return None


def _source_name(path: Path) -> Path:
    """As the capture is called that a text of metadata stands for."""
    stem = path.stem.removeprefix("rtpengine-meta-")
    return path if stem == path.stem else path.parent.parent / "pcaps" / f"{stem}.pcap"


def _written(sound: Sound, form: Form, target: Path, source: Path, told: Told) -> float:
    """Under another name first: what has the name of the file is whole."""
    size = source.stat().st_size
    with _beside(target, source) as part, part.open("wb") as out:
        return write(sound, form, out, lambda: told(size + sound.taken, 2 * size))


@contextmanager
def _beside(target: Path, source: Path) -> Iterator[Path]:
    """A file that takes the place of the target when it is whole, and is gone when it is not."""
    target = target.resolve()
    if target.exists() and not target.is_file():
        yield target  # a pipe or a device: nothing can take its place
        return
    part = target.with_name(f".{target.name}.part")
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        begin_output(part, [str(source)])
        yield part
        part.replace(target)
    finally:
        with suppress(OSError):
            part.unlink()


def _columns(wishes: Wishes) -> int:
    if not wishes.picture:
        return 0
    from talkpath.audio.picture import COLUMNS

    return COLUMNS


def _pictured(sound: Sound, heard: _Heard, target: Path, source: Path) -> Phrase:
    """The waveform beside the sound. Raises `Unheard`."""
    from talkpath.app.wav.moments import moments_of
    from talkpath.audio.picture import NeedsPillow, draw

    picture = target.with_suffix(".png")
    moments = moments_of(heard.call, heard.recorded, heard.sides)
    try:
        with _beside(picture, source) as part:
            draw(sound, moments, target.stem, part)
    except NeedsPillow:
        raise Unheard("needs-pillow", phrase(texts.NEEDS_PILLOW)) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unheard("cannot-write", phrase(texts.CANNOT_WRITE, file=picture, reason=reason)) from None
    return phrase(texts.PICTURE_WRITTEN, file=picture)
