"""The command `keepalived`, as click sees it. What it does is in `command.py`."""

from pathlib import Path

import click

from talkpath.app.cluster import keepalived_words as texts
from talkpath.app.console import options
from talkpath.app.console.options import FILE, LANGUAGE, help_of


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(keepalived)


@click.command(help=help_of(texts.HELP))
@click.option("--write", "-w", "directory", type=FILE, metavar="DIR", help=help_of(texts.HELP_WRITE))
@options.config
@options.state
@options.lang
def keepalived(directory: Path | None, config: Path | None, state: Path | None) -> None:
    """What keepalived is to do on this node."""
    from talkpath.app.cluster.keepalived import print_configuration, write_configuration

    settings = options.settings(config, state)
    if directory is None:
        print_configuration(settings)
    else:
        write_configuration(settings, directory, LANGUAGE)
