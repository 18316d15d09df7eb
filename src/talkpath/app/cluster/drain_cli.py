"""The command `drain`, as click sees it. What it does is in `command.py`."""

from pathlib import Path

import click

from talkpath.app.cluster import drain_words as texts
from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of

# An hour: longer than nearly every call.
_WAIT_S = 3600.0


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(drain)


@click.command(help=help_of(texts.HELP))
@click.argument("node", metavar="NODE")
@click.option("--undo", is_flag=True, help=help_of(texts.HELP_UNDO))
@click.option("--timeout", type=click.FloatRange(0), default=_WAIT_S, help=help_of(texts.HELP_TIMEOUT))
@options.config
@options.state
@options.lang
def drain(node: str, undo: bool, timeout: float, config: Path | None, state: Path | None) -> None:
    """Empty a node."""
    from talkpath.app.cluster.drain import drain_node, undo_drain

    settings = options.settings(config, state)
    if undo:
        undo_drain(settings, node, LANGUAGE)
    else:
        drain_node(settings, node, timeout, LANGUAGE)
