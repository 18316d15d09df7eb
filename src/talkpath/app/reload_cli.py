"""The command `talkpath reload`."""

import sys
from pathlib import Path

import click

from talkpath.app import options
from talkpath.app import reload_words as texts
from talkpath.app.options import LANGUAGE, help_of


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(reload)


@click.command(help=help_of(texts.HELP))
@options.config
@options.state
@options.lang
def reload(config: Path | None, state: Path | None) -> None:
    """Have the running edge take up its configuration and its script anew."""
    from talkpath.app.reload_asking import ask_to_reload

    if not ask_to_reload(options.settings(config, state), LANGUAGE):
        sys.exit(1)
