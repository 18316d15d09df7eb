"""What `talkpath explain` does: reads captures with progress, explains, and writes the report where it is wanted.

Exit codes: 0 nothing found, 1 errors found, 2 the capture could not be read (or the command was wrong), 3 no error in
what was read, and more than a trifle was not.
"""

import gc
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.explain import words as texts
from talkpath.app.state.private import begin_output
from talkpath.base.texts import Language
from talkpath.capture.export import StreamKey, save_frames
from talkpath.capture.reader import STDIN, Capture, UnreadableCapture
from talkpath.explain.judging.explanation import Explained, Explainer, Explanation
from talkpath.explain.judging.rules import BY_CODE, RULES
from talkpath.explain.reading.sites import Sites
from talkpath.explain.telling.select import Selection, selected

NOTHING, ERRORS, UNREAD, PARTLY_READ = 0, 1, 2, 3


class Unread(Trouble):
    """A capture, or a file it needs, could not be read: exit code 2."""


def explain_files(files: Sequence[str], sites: Path | None, keylog: Path | None, language: Language) -> Explanation:
    """Read the captures and explain them. Raises `Unread` and whatever `Capture` and `Sites` raise."""
    if not files:
        raise Unread("no-files", phrase(texts.NO_FILES))
    known = read_sites(sites)
    capture = Capture(files, keylog=_read(keylog) if keylog else b"")
    explainer = Explainer(known)
    gc.disable()  # a short life: whatever is made is needed until the end
    try:
        with_progress(capture, explainer, language)
    except UnreadableCapture as error:
        sentence = error.say(language)
        raise Unread("not-a-capture", phrase(texts.UNREADABLE, file=error.place, what=sentence)) from None
    return explainer.finish(capture.files)


def with_progress(capture: Capture, explainer: Explainer, language: Language) -> None:
    """Feed every record; on a terminal a bar shows how far it is."""
    batches = capture.batches()
    if not sys.stderr.isatty():
        for batch in batches:
            explainer.receive(batch)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        for batch in batches:
            explainer.receive(batch)
            at = capture.progress
            bar.update(
                task,
                description=texts.PROGRESS.say(language, file=at.path),
                completed=at.read_bytes,
                total=at.size_bytes or None,
            )


def read_sites(path: Path | None) -> Sites:
    """The operator's CSV. Raises `Unread`, and `Malformed` where a line makes no sense."""
    return Sites() if path is None else Sites.parse(_read(path).decode("utf-8-sig", "replace"), str(path))


def print_report(explanation: Explanation, wanted: Selection, language: Language, *, as_json: bool) -> None:
    """The report for a terminal or a pipe, or the JSON of the contract, on standard output."""
    chosen = selected(explanation, wanted)
    if wanted.call and not chosen.calls:
        raise Unread("no-such-call", phrase(texts.NO_SUCH_CALL, id=wanted.call))
    if as_json:
        from talkpath.explain.telling.as_json import encoded

        sys.stdout.flush()
        sys.stdout.buffer.writelines(encoded(chosen, language))
        sys.stdout.buffer.write(b"\n")
        return
    import shutil

    from talkpath.app.console.lines import print_lines
    from talkpath.explain.telling.terminal import draw_explained, draw_report

    width = shutil.get_terminal_size((100, 40)).columns
    if wanted.call:
        print_lines(line for one in chosen.calls for line in draw_explained(one, language, width))
    else:
        print_lines(draw_report(chosen, language, width))


def print_rules(code: str, language: Language) -> None:
    """The catalogue, or one rule whole. Raises `Unread` for a code that is none."""
    from talkpath.explain.telling.pages import plain, rule_page

    if not code:
        for rule in RULES:
            print(f"{rule.code:<27} {plain(rule.title, language)}")
        return
    if code not in BY_CODE:
        raise Unread("no-such-rule", phrase(texts.NO_SUCH_RULE, code=code))
    print(rule_page(BY_CODE[code], language), end="")


def save_call(explanation: Explanation, name: str, out: str, language: Language) -> None:
    """Write one call's packets to a file of its own. Raises `Unread`."""
    one = named_call(explanation, name)
    file = _file_of(explanation)
    streams = [StreamKey.of(stream.rtp) for stream in one.call.streams]
    _writing(Path(out), lambda: begin_output(Path(out), [file]))
    count = save_frames(file, out, sorted(frames_of(one)), streams)
    print(texts.SAVED.say(language, count=count, id=one.call.id, file=out), file=sys.stderr)


def named_call(explanation: Explanation, name: str) -> Explained:
    """The call with this id (or the beginning of one) or Call-ID. Raises `Unread`."""
    found = selected(explanation, Selection(call=name)).calls
    if not found:
        raise Unread("no-such-call", phrase(texts.NO_SUCH_CALL, id=name))
    return found[0]


def frames_of(one: Explained) -> set[int]:
    """Every frame of a call but those of its streams."""
    frames = {frame for leg in one.call.legs for seen in leg.messages for frame in seen.frames}
    for record in one.call.records:
        frames |= set(getattr(record, "frames", ())) | {record.frame}
    return frames


def _file_of(explanation: Explanation) -> str:
    """The one file that a call can be saved from; frames of later files count on, so several are refused."""
    if not explanation.captures:
        raise Unread("no-packets", phrase(texts.NO_PACKETS))
    if len(explanation.captures) != 1 or explanation.captures[0].path == STDIN:
        raise Unread("not-twice", phrase(texts.NOT_TWICE))
    return explanation.captures[0].path


def write_page(explanation: Explanation, path: Path, language: Language) -> None:
    """The self-contained page. Raises `Unread` where it cannot be written."""
    from talkpath.app.explain.sound import sound_of
    from talkpath.explain.telling.page import write_page as write

    files = [file.path for file in explanation.captures]
    parts = write(explanation, language, None if STDIN in files or not files else sound_of(files))

    def put() -> None:
        begin_output(path, [file for file in files if file != STDIN])
        with path.open("w", encoding="utf-8", errors="replace") as file:
            file.writelines(parts)

    _writing(path, put)
    print(texts.PAGE_WRITTEN.say(language, file=path), file=sys.stderr)


def _writing(path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-write", phrase(texts.CANNOT_WRITE, file=path, reason=reason)) from None


def exit_code(explanation: Explanation) -> int:
    if explanation.has_errors:
        return ERRORS
    return PARTLY_READ if explanation.has_unread else NOTHING


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unread("cannot-read", phrase(texts.CANNOT_READ, file=path, reason=reason)) from None
