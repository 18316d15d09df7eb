"""The commands `record ...` and `recordings ...`, as click sees them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.recordings import record_words as texts
from talkpath.app.recordings import storage_words
from talkpath.app.recordings import words as recordings_words

if TYPE_CHECKING:
    from talkpath.app.recordings.command import Recordings
    from talkpath.store.recordings.shelf import Sought

Function = TypeVar("Function", bound=Callable[..., object])


def register(app: click.Group) -> None:
    """Add the commands."""
    app.add_command(record)
    app.add_command(recordings)


@click.group(help=help_of(texts.HELP_RECORD), no_args_is_help=True)
def record() -> None:
    """The recording of a running call."""


def _verb(name: str, help_text: str) -> None:
    @record.command(name, help=help_text)
    @click.argument("call", metavar="CALL")
    @options.config
    @options.state
    @options.lang
    def command(call: str, config: Path | None, state: Path | None) -> None:
        from talkpath.app.recordings.record import record as do
        from talkpath.edge.calls.recording import Verb

        do(options.settings(config, state), Verb(name), call, LANGUAGE)


_verb("start", help_of(texts.HELP_START))
_verb("stop", help_of(texts.HELP_STOP))
_verb("pause", help_of(texts.HELP_PAUSE))
_verb("resume", help_of(texts.HELP_RESUME))


# --- what is there

_json = click.option("--json", "as_json", is_flag=True, help=help_of(recordings_words.HELP_JSON))


def _selection(function: Function) -> Function:
    """The options that say which recordings."""
    for option in (
        click.option("--number", "-n", default="", help=help_of(recordings_words.HELP_NUMBER)),
        click.option("--gateway", "-g", default="", help=help_of(recordings_words.HELP_GATEWAY)),
        click.option("--since", "-s", default="", help=help_of(recordings_words.HELP_SINCE)),
        click.option("--until", "-u", default="", help=help_of(recordings_words.HELP_UNTIL)),
    ):
        function = option(function)
    return function


def _sought(
    name: str, number: str, gateway: str, since: str, until: str, limit: int | None, *, with_removed: bool
) -> "Sought":
    from talkpath.app.console.moment import moment
    from talkpath.store.recordings.shelf import Sought

    return Sought(name, number, gateway, moment(since), moment(until), with_removed, limit)


def _shelf(config: Path | None, state: Path | None) -> "Recordings":
    from talkpath.app.recordings.command import Recordings

    return Recordings(options.settings(config, state), LANGUAGE)


@click.group(help=help_of(recordings_words.HELP), invoke_without_command=True)
@_json
@options.config
@options.state
@options.lang
@click.pass_context
def recordings(context: click.Context, as_json: bool, config: Path | None, state: Path | None) -> None:
    """The recordings."""
    if context.invoked_subcommand is None:
        context.invoke(list_recordings, as_json=as_json, config=config, state=state)


@recordings.command("list", help=help_of(recordings_words.HELP_LIST))
@click.argument("name", metavar="[NAME|CALL-ID]", default="")
@_selection
@click.option("--limit", "-l", type=click.IntRange(1), default=50, help=help_of(recordings_words.HELP_LIMIT))
@click.option("--removed", "with_removed", is_flag=True, help=help_of(recordings_words.HELP_REMOVED))
@_json
@options.config
@options.state
@options.lang
def list_recordings(
    name: str = "",
    number: str = "",
    gateway: str = "",
    since: str = "",
    until: str = "",
    limit: int = 50,
    with_removed: bool = False,
    as_json: bool = False,
    config: Path | None = None,
    state: Path | None = None,
) -> None:
    """List or find recordings."""
    sought = _sought(name, number, gateway, since, until, limit, with_removed=with_removed)
    _shelf(config, state).print_list(sought, as_json=as_json)


@recordings.command("show", help=help_of(recordings_words.HELP_SHOW))
@click.argument("name", metavar="NAME|CALL-ID")
@options.config
@options.state
@options.lang
def show_recording(name: str, config: Path | None, state: Path | None) -> None:
    """Show one recording."""
    _shelf(config, state).show(name)


@recordings.command("fetch", help=help_of(storage_words.HELP_FETCH))
@click.argument("name", metavar="NAME|CALL-ID")
@click.option("--into", type=click.Path(path_type=Path), help=help_of(storage_words.HELP_INTO))
@options.config
@options.state
@options.lang
def fetch_recording(name: str, into: Path | None, config: Path | None, state: Path | None) -> None:
    """Bring one back from the store."""
    _shelf(config, state).fetch(name, into)


@recordings.command("export", help=help_of(recordings_words.HELP_EXPORT))
@click.argument("target", metavar="DIRECTORY", type=click.Path(path_type=Path))
@click.argument("name", metavar="[NAME|CALL-ID]", default="")
@_selection
@options.config
@options.state
@options.lang
def export_recordings(
    target: Path,
    name: str,
    number: str,
    gateway: str,
    since: str,
    until: str,
    config: Path | None,
    state: Path | None,
) -> None:
    """Copy recordings."""
    sought = _sought(name, number, gateway, since, until, None, with_removed=False)
    _shelf(config, state).export(sought, target)


@recordings.command("prune", help=help_of(recordings_words.HELP_PRUNE))
@click.option("--older", default="", help=help_of(recordings_words.HELP_OLDER))
@click.option("--most", default="", help=help_of(recordings_words.HELP_MOST))
@click.option("--dry-run", "is_dry", is_flag=True, help=help_of(recordings_words.HELP_DRY))
@click.option("--store", "is_store_too", is_flag=True, help=help_of(recordings_words.HELP_STORE_TOO))
@options.config
@options.state
@options.lang
def prune_recordings(
    older: str, most: str, is_dry: bool, is_store_too: bool, config: Path | None, state: Path | None
) -> None:
    """Remove recordings."""
    _shelf(config, state).prune(older, most, is_dry=is_dry, is_store_too=is_store_too)


@recordings.command("verify", help=help_of(recordings_words.HELP_VERIFY))
@click.option("--repair", "is_to_repair", is_flag=True, help=help_of(recordings_words.HELP_REPAIR))
@click.option("--here", "is_only_here", is_flag=True, help=help_of(recordings_words.HELP_ONLY_HERE))
@_json
@options.config
@options.state
@options.lang
def verify_recordings(
    is_to_repair: bool, is_only_here: bool, as_json: bool, config: Path | None, state: Path | None
) -> None:
    """Verify recordings."""
    shelf = _shelf(config, state)
    if not shelf.verify(is_to_repair=is_to_repair, as_json=as_json, is_only_here=is_only_here):
        sys.exit(1)
