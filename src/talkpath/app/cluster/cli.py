"""The command `cluster`, as click sees it. What it does is in `command.py`."""

from pathlib import Path

import click

from talkpath.app.cluster import words as texts
from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(cluster)


@click.command(help=help_of(texts.HELP))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@click.option("--watch", "-w", is_flag=True, help=help_of(texts.HELP_WATCH))
@options.config
@options.state
@options.lang
def cluster(as_json: bool, watch: bool, config: Path | None, state: Path | None) -> None:
    """The nodes of the cluster."""
    from talkpath.app.cluster.command import print_cluster, watch_cluster

    show = watch_cluster if watch else print_cluster
    show(options.settings(config, state), LANGUAGE, as_json=as_json)
