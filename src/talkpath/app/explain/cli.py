"""The command `explain`, as click sees it. What it does is in `command.py`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkpath.app.console import options
from talkpath.app.console.mishap import said_of
from talkpath.app.console.options import FILE, LANGUAGE, help_of
from talkpath.app.explain import words as texts
from talkpath.base.errors import TalkpathError

if TYPE_CHECKING:
    from talkpath.explain.judging.explanation import Explanation


class Told(SystemExit):
    """The report is out: the exit code, and what was explained, which need not be taken apart before we end."""

    def __init__(self, code: int, explanation: "Explanation") -> None:
        super().__init__(code)
        self.exit_code = code
        self.explanation = explanation


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(explain)


@click.command(help=help_of(texts.HELP))
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@click.option("--html", type=FILE, help=help_of(texts.HELP_HTML))
@click.option("--sites", type=FILE, help=help_of(texts.HELP_SITES))
@click.option("--keylog", type=FILE, help=help_of(texts.HELP_KEYLOG))
@click.option("--call", metavar="ID", default="", help=help_of(texts.HELP_CALL))
@click.option("--number", default="", help=help_of(texts.HELP_NUMBER))
@click.option("--address", default="", help=help_of(texts.HELP_ADDRESS))
@click.option("--code", default="", help=help_of(texts.HELP_CODE))
@click.option("--since", default="", help=help_of(texts.HELP_SINCE))
@click.option("--until", default="", help=help_of(texts.HELP_UNTIL))
@click.option("--rules", is_flag=True, help=help_of(texts.HELP_RULES))
@click.option("--save-call", nargs=2, metavar="ID FILE", help=help_of(texts.HELP_SAVE))
@click.option("--hep", metavar="ADDRESS", default="", help=help_of(texts.HELP_HEP))
@click.option("--hep-certificate", type=FILE, help=help_of(texts.HELP_HEP_CERTIFICATE))
@click.option("--follow", type=FILE, help=help_of(texts.HELP_FOLLOW))
@click.option("--live", metavar="IFACE", default="", help=help_of(texts.HELP_LIVE))
@click.option("--own", is_flag=True, help=help_of(texts.HELP_OWN))
@options.config
@options.state
@options.lang
def explain(
    files: tuple[str, ...],
    as_json: bool,
    html: Path | None,
    sites: Path | None,
    keylog: Path | None,
    call: str,
    number: str,
    address: str,
    code: str,
    since: str,
    until: str,
    rules: bool,
    save_call: tuple[str, str] | None,
    hep: str,
    hep_certificate: Path | None,
    follow: Path | None,
    live: str,
    own: bool,
    config: Path | None,
    state: Path | None,
) -> None:
    """Explain captures, a HEP feed, what passes an interface or fills a folder, or the edge's own calls."""
    from talkpath.app.console.moment import moment
    from talkpath.app.explain import command as e
    from talkpath.explain.telling.select import Selection

    def work() -> int:
        if rules:
            e.print_rules(code, LANGUAGE)
            return e.NOTHING
        wanted = Selection(call, number, address, code, moment(since), moment(until))
        if own:
            from talkpath.app.explain.own import explain_history

            known = e.read_sites(sites)
            explanation = explain_history(options.settings(config, state), wanted, known, LANGUAGE)
        elif hep or live or follow:
            from talkpath.app.explain.live import explain_folder, explain_hep, explain_interface

            known = e.read_sites(sites)
            if hep:
                explanation = explain_hep(hep, hep_certificate, known, LANGUAGE)
            elif follow:
                explanation = explain_folder(follow, known, LANGUAGE)
            else:
                explanation = explain_interface(live, known, LANGUAGE)
        else:
            explanation = _of_a_recording(files, sites, config, state) or e.explain_files(
                files, sites, keylog, LANGUAGE
            )
        if save_call:
            e.save_call(explanation, save_call[0], save_call[1], LANGUAGE)
        if html:
            e.write_page(explanation, html, LANGUAGE)
        if as_json or not (save_call or html):
            e.print_report(explanation, wanted, LANGUAGE, as_json=as_json)
        sys.stdout.flush()
        raise Told(e.exit_code(explanation), explanation)

    raise SystemExit(_guarded(work))


def _of_a_recording(
    files: tuple[str, ...], sites: Path | None, config: Path | None, state: Path | None
) -> "Explanation | None":
    """What the edge knows of the call of a recording, where it is one of its own; None for captures."""
    if len(files) != 1 or not (_may_be_a_name(files[0]) or Path(files[0]).parent.name == "pcaps"):
        return None
    from talkpath.app.explain import command as e
    from talkpath.app.explain.own import call_recorded, explain_recorded

    trace = call_recorded(options.settings(config, state), files[0])
    return None if trace is None else explain_recorded(trace, e.read_sites(sites))


def _may_be_a_name(file: str) -> bool:
    return file != "-" and not Path(file).exists() and "/" not in file


def _guarded(work: Callable[[], int]) -> int:
    """Every known failure becomes a sentence and exit code 2."""
    try:
        return work()
    except TalkpathError as error:
        print(said_of(error, LANGUAGE), file=sys.stderr)
    return 2
