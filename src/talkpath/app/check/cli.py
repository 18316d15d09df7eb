"""The command `check`, as click sees it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkpath.app import words
from talkpath.app.console import options
from talkpath.app.console.choose import config_file, load
from talkpath.app.console.options import FILE, LANGUAGE, help_of
from talkpath.app.console.phrase import Phrase, phrase

if TYPE_CHECKING:
    from talkpath.app.config.tree import Config

_PROBLEM = 1


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(check)


@click.command(help=help_of(words.HELP_CHECK))
@click.argument("file", type=FILE, required=False)
@click.option("--example", is_flag=True, help=help_of(words.HELP_EXAMPLE))
@click.option("--elsewhere", is_flag=True, help=help_of(words.HELP_ELSEWHERE))
@options.script
@options.config
@options.state
@options.lang
def check(
    file: Path | None,
    example: bool,
    elsewhere: bool,
    script: Path | None,
    config: Path | None,
    state: Path | None,
) -> None:
    """Check a configuration file together with its script, or print an example of one."""
    if example:
        from talkpath.app.config.pages import example as example_file

        print(example_file(LANGUAGE), end="")
        return
    from talkpath.app.check.remarks import remarks
    from talkpath.app.console.choose import with_state

    chosen = config_file(file or config, os.environ)
    settings = options.with_script(load(chosen, is_to_run=not elsewhere), script)
    if state is not None:
        settings = with_state(settings, state)
    if settings.routing.script and not elsewhere:
        from talkpath.app.routing.script import check_script

        for hint in check_script(settings):
            _talk(hint)
    said = list(remarks(settings))
    is_good = True if elsewhere else _look_here(settings, chosen, said)
    _talk(_verdict(chosen, has_remarks=bool(said)))
    for what in said:
        _talk(what)
    if elsewhere:
        _talk(phrase(words.CHECKED_FOR_ANOTHER))
    if not is_good:
        sys.exit(_PROBLEM)


def _look_here(settings: "Config", chosen: Path | None, said: list[Phrase]) -> bool:
    """Add what is to be said of this host; whether an edge could start on it as it is."""
    from talkpath.app.check.remarks import ports_taken, remarks_here, too_few_descriptors
    from talkpath.app.gateways.by_hand import lacking
    from talkpath.app.state.directory import state_directory
    from talkpath.app.state.private import close_to_others, readable_secrets
    from talkpath.net.descriptors import Descriptors

    state = state_directory(settings)
    closed = close_to_others(state)
    taken = list(ports_taken(settings, state))
    said += [*closed.said, *readable_secrets(settings, chosen), *lacking(settings), *remarks_here(settings)]
    said += [*too_few_descriptors(settings, Descriptors.of_process()), *taken]
    return closed.is_whole and not taken


def _verdict(chosen: Path | None, *, has_remarks: bool) -> Phrase:
    if chosen is None:
        return phrase(words.CONFIG_DEFAULTS)
    return phrase(words.CONFIG_REMARKED if has_remarks else words.CONFIG_GOOD, file=chosen)


def _talk(what: Phrase) -> None:
    print(what.say(LANGUAGE), file=sys.stderr)
