"""The commands `backup` and `restore`, as click sees them."""

from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.state import backup_words as texts


def register(app: click.Group) -> None:
    """Add the commands."""
    app.add_command(backup)
    app.add_command(restore)


@click.command(help=help_of(texts.HELP_BACKUP))
@click.argument("file", metavar="FILE")
@options.config
@options.state
@options.lang
def backup(file: str, config: Path | None, state: Path | None) -> None:
    """Write a backup."""
    from talkpath.app.state.backup import back_up

    back_up(options.settings(config, state), file, LANGUAGE)


@click.command(help=help_of(texts.HELP_RESTORE))
@click.argument("file", metavar="FILE")
@options.config
@options.state
@options.lang
def restore(file: str, config: Path | None, state: Path | None) -> None:
    """Bring a backup back."""
    from talkpath.app.state.backup import restore as bring_back

    bring_back(options.settings(config, state), file, LANGUAGE)
