"""The command `registrations`, as click sees it. What it does is in `command.py`."""

import copy
from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.registrations import words as texts


def register(app: click.Group) -> None:
    """Add the command, also by its older name."""
    app.add_command(registrations)
    older = copy.copy(registrations)
    older.hidden, older.help = True, help_of(texts.HELP_PHONES)
    app.add_command(older, "phones")


@click.command(help=help_of(texts.HELP))
@click.argument("user", metavar="[USER]", default="")
@click.option("--failing", is_flag=True, help=help_of(texts.HELP_FAILING))
@click.option("--follow", "-f", is_flag=True, help=help_of(texts.HELP_FOLLOW))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@options.config
@options.state
@options.lang
def registrations(
    user: str, failing: bool, follow: bool, as_json: bool, config: Path | None, state: Path | None
) -> None:
    """Who is registered, and who is not let in."""
    from talkpath.app.node.control import ControlClient
    from talkpath.app.registrations.command import follow_registrations, print_registrations
    from talkpath.app.state.directory import state_directory

    edge = ControlClient(state_directory(options.settings(config, state)))
    if follow:
        follow_registrations(edge.registration_news(), user, LANGUAGE, as_json=as_json)
    else:
        print_registrations(edge.phones(user, only_failing=failing), LANGUAGE, as_json=as_json)
