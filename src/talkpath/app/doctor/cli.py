"""The command `doctor`, as click sees it. What it does is in `command.py`."""

import os
import sys
from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.choose import config_file
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.doctor import words as texts


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(doctor)


@click.command(help=help_of(texts.HELP))
@click.option("--stun", metavar="HOST", multiple=True, help=help_of(texts.HELP_STUN))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@options.config
@options.state
@options.lang
def doctor(stun: tuple[str, ...], as_json: bool, config: Path | None, state: Path | None) -> None:
    """Look at what an edge needs of its host and network."""
    from talkpath.app.doctor.command import print_health

    settings, file = options.settings(config, state), config_file(config, os.environ)
    if not print_health(settings, file, stun, LANGUAGE, as_json=as_json):
        sys.exit(1)
