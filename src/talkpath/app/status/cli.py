"""The command `status`, as click sees it. What it does is in `command.py`."""

import sys
from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.status import words as texts


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(status)


@click.command(help=help_of(texts.HELP))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@options.config
@options.state
@options.lang
def status(as_json: bool, config: Path | None, state: Path | None) -> None:
    """How the running edge is."""
    from talkpath.app.status.command import print_status

    if not print_status(options.settings(config, state), LANGUAGE, as_json=as_json):
        sys.exit(1)
