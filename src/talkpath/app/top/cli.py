"""The command `top`, as click sees it. What it does is in `command.py`."""

from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.top import words as texts


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(top)


@click.command(help=help_of(texts.HELP))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@options.config
@options.state
@options.lang
def top(as_json: bool, config: Path | None, state: Path | None) -> None:
    """The calls that run, and how they sound."""
    from talkpath.app.top.command import show_top

    show_top(options.settings(config, state), LANGUAGE, as_json=as_json)
