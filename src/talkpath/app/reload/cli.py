"""The commands `talkpath reload` and `talkpath upgrade`."""

import sys
from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.reload import words as texts


def register(app: click.Group) -> None:
    """Add the commands."""
    app.add_command(reload)
    app.add_command(upgrade)


@click.command(help=help_of(texts.HELP))
@options.config
@options.state
@options.lang
def reload(config: Path | None, state: Path | None) -> None:
    """Have the running edge take up its configuration and its script anew."""
    from talkpath.app.reload.asking import ask_to_reload

    if not ask_to_reload(options.settings(config, state), LANGUAGE):
        sys.exit(1)


@click.command(help=help_of(texts.HELP_UPGRADE))
@click.option("--timeout", type=click.FloatRange(1, 3600), default=60.0, help=help_of(texts.HELP_TIMEOUT))
@options.config
@options.state
@options.lang
def upgrade(timeout: float, config: Path | None, state: Path | None) -> None:
    """Replace the process of the running edge."""
    from talkpath.app.reload.asking import ask_to_upgrade

    if not ask_to_upgrade(options.settings(config, state), timeout, LANGUAGE):
        sys.exit(1)
