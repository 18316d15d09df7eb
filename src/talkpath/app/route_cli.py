"""The command `route`, as click sees it. What it does is in `route.py`."""

from pathlib import Path

import click

from talkpath.app import options
from talkpath.app import route_words as texts
from talkpath.app.options import LANGUAGE, help_of


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(route)


@click.command("route", help=help_of(texts.HELP))
@click.argument("caller", metavar="FROM")
@click.argument("called", metavar="TO")
@click.option("--from-address", "source", default="", metavar="A", help=help_of(texts.HELP_FROM_ADDRESS))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@options.config
@options.state
@options.lang
def route(caller: str, called: str, source: str, as_json: bool, config: Path | None, state: Path | None) -> None:
    """What would happen to a call."""
    from talkpath.app.route import print_route

    print_route(options.settings(config, state), caller, called, source, LANGUAGE, as_json=as_json)
