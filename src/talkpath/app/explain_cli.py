"""The commands `explain` and `wav`, as typer sees them. What they do is in `explain.py` and `wav.py`."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from talkpath.app import explain_words as texts
from talkpath.app.choose import chosen_language
from talkpath.app.phrase import Trouble
from talkpath.base.errors import TalkpathError
from talkpath.base.texts import Language, Text

LANGUAGE = chosen_language(sys.argv[1:], os.environ)


def _help(text: Text) -> str:
    return text.say(LANGUAGE)


FilesArgument = Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help=_help(texts.HELP_FILES))]
FileArgument = Annotated[str, typer.Argument(metavar="FILE", help=_help(texts.HELP_FILES))]
JsonOption = Annotated[bool, typer.Option("--json", help=_help(texts.HELP_JSON))]
HtmlOption = Annotated[Path | None, typer.Option("--html", help=_help(texts.HELP_HTML))]
SitesOption = Annotated[Path | None, typer.Option("--sites", help=_help(texts.HELP_SITES))]
KeylogOption = Annotated[Path | None, typer.Option("--keylog", help=_help(texts.HELP_KEYLOG))]
CallOption = Annotated[str, typer.Option("--call", metavar="ID", help=_help(texts.HELP_CALL), show_default=False)]
NumberOption = Annotated[str, typer.Option("--number", help=_help(texts.HELP_NUMBER), show_default=False)]
AddressOption = Annotated[str, typer.Option("--address", help=_help(texts.HELP_ADDRESS), show_default=False)]
CodeOption = Annotated[str, typer.Option("--code", help=_help(texts.HELP_CODE), show_default=False)]
SinceOption = Annotated[str, typer.Option("--since", help=_help(texts.HELP_SINCE), show_default=False)]
UntilOption = Annotated[str, typer.Option("--until", help=_help(texts.HELP_UNTIL), show_default=False)]
RulesOption = Annotated[bool, typer.Option("--rules", help=_help(texts.HELP_RULES))]
SaveOption = Annotated[
    tuple[str, str] | None, typer.Option("--save-call", metavar="ID FILE", help=_help(texts.HELP_SAVE))
]
HepOption = Annotated[str, typer.Option("--hep", metavar="ADDRESS", help=_help(texts.HELP_HEP), show_default=False)]
LiveOption = Annotated[str, typer.Option("--live", metavar="IFACE", help=_help(texts.HELP_LIVE), show_default=False)]
LangOption = Annotated[Language | None, typer.Option("--lang", help="en, zh")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help=_help(texts.HELP_WAV_OUT))]
WavCallOption = Annotated[
    str, typer.Option("--call", metavar="ID", help=_help(texts.HELP_WAV_CALL), show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command("explain", help=_help(texts.HELP))(explain)
    app.command("wav", help=_help(texts.HELP_WAV))(wav)


def explain(
    files: FilesArgument = None,
    as_json: JsonOption = False,
    html: HtmlOption = None,
    sites: SitesOption = None,
    keylog: KeylogOption = None,
    call: CallOption = "",
    number: NumberOption = "",
    address: AddressOption = "",
    code: CodeOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    rules: RulesOption = False,
    save_call: SaveOption = None,
    hep: HepOption = "",
    live: LiveOption = "",
    lang: LangOption = None,
) -> None:
    """Explain captures, a HEP feed or what passes an interface."""
    del lang
    from talkpath.app import explain as e
    from talkpath.explain.select import Selection

    def work() -> int:
        if rules:
            e.print_rules(code, LANGUAGE)
            return e.NOTHING
        wanted = Selection(call, number, address, code, e.moment(since), e.moment(until))
        if hep or live:
            from talkpath.app.explain_live import explain_hep, explain_interface

            known = e.read_sites(sites)
            explanation = explain_hep(hep, known, LANGUAGE) if hep else explain_interface(live, known, LANGUAGE)
        else:
            explanation = e.explain_files(files or [], sites, keylog, LANGUAGE)
        if save_call:
            e.save_call(explanation, save_call[0], save_call[1], LANGUAGE)
        if html:
            e.write_page(explanation, html, LANGUAGE)
        if as_json or not (save_call or html):
            e.print_report(explanation, wanted, LANGUAGE, as_json=as_json)
        return e.exit_code(explanation)

    _leave(_guarded(work))


def wav(file: FileArgument, call: WavCallOption = "", out: OutOption = None, lang: LangOption = None) -> None:
    """Make a WAV of a call in a capture."""
    del lang
    from talkpath.app.wav import make_wav

    _leave(_guarded(lambda: make_wav(file, call, out, LANGUAGE)))


def _leave(code: int) -> NoReturn:
    """End the process without freeing a million objects one by one: that would cost as much as judging them."""
    sys.stdout.flush()
    if sys.stdout is not sys.__stdout__:
        raise SystemExit(code)
    os._exit(code)


def _guarded(work: Callable[[], int]) -> int:
    """Every known failure becomes a sentence and exit code 2."""
    try:
        return work()
    except Trouble as error:
        print(error.what.say(LANGUAGE), file=sys.stderr)
    except TalkpathError as error:
        print(error, file=sys.stderr)
    return 2
