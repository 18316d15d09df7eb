"""The command `wav`, as click sees it. What it does is in `command.py`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from talkpath.app.console import options
from talkpath.app.console.mishap import said_of
from talkpath.app.console.options import FILE, LANGUAGE, help_of
from talkpath.app.wav import words as texts
from talkpath.base.errors import TalkpathError

# As `audio/` has them (`Layout`, `Form`, `RATES_HZ`), which is not loaded for the help of other commands.
_SIDES = ("stereo", "mixed", "caller", "callee")
_FORMATS = ("wav", "flac", "mp3", "opus")
_RATES = ("8000", "16000", "48000")


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(wav)


@click.command(help=help_of(texts.HELP))
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--call", metavar="ID", default="", help=help_of(texts.HELP_CALL))
@click.option("--out", "-o", type=FILE, help=help_of(texts.HELP_OUT))
@click.option("--side", type=click.Choice(_SIDES), default="stereo", help=help_of(texts.HELP_SIDE))
@click.option("--format", "form", type=click.Choice(_FORMATS), help=help_of(texts.HELP_FORMAT))
@click.option("--rate", type=click.Choice(_RATES), help=help_of(texts.HELP_RATE))
@click.option("--codec", "codecs", metavar="PT=NAME/CLOCK", multiple=True, help=help_of(texts.HELP_CODEC))
@click.option("--png", is_flag=True, help=help_of(texts.HELP_PNG))
@click.option("--jobs", "-j", type=click.IntRange(1, 64), default=1, help=help_of(texts.HELP_JOBS))
@options.config
@options.state
@options.lang
def wav(
    files: tuple[str, ...],
    call: str,
    out: Path | None,
    side: str,
    form: str | None,
    rate: str | None,
    codecs: tuple[str, ...],
    png: bool,
    jobs: int,
    config: Path | None,
    state: Path | None,
) -> None:
    """Make files of the sound of calls."""
    from talkpath.app.wav.command import FAILED, Wishes, make_files
    from talkpath.audio.files import Form
    from talkpath.audio.names import Names
    from talkpath.audio.sound import Layout

    with TemporaryDirectory(prefix="talkpath-") as spare:
        try:
            paths = [_path_of(file, config, state, Path(spare)) for file in files]
            wishes = Wishes(
                call=call,
                # What is found by its name is not written among the recordings.
                out=Path() if out is None and paths != list(files) else out,
                form=Form(form) if form else None,
                layout=Layout(side),
                rate=int(rate) if rate else None,
                names=Names.parse(codecs),
                picture=png,
            )
            code = make_files(paths, wishes, jobs, LANGUAGE)
        except TalkpathError as error:
            print(said_of(error, LANGUAGE), file=sys.stderr)
            code = FAILED
    raise SystemExit(code)


def _path_of(file: str, config: Path | None, state: Path | None, spare: Path) -> str:
    """A file, or a recording of the edge on this machine by its name or by its call, brought to `spare` where only
    the store has it. Raises `Trouble`."""
    if Path(file).exists() or "/" in file or file == "-" or file.endswith((".pcap", ".pcapng", ".gz")):
        return file
    from talkpath.app.recordings.command import Recordings

    return str(Recordings(options.settings(config, state), LANGUAGE).pcap_of(file, spare))
