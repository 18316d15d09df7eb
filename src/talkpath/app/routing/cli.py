"""The command `route`, as click sees it. What it does is in `command.py`."""

from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.routing import words as texts


def register(app: click.Group) -> None:
    """Add the command."""
    app.add_command(route)


@click.command("route", help=help_of(texts.HELP))
@click.argument("caller", metavar="FROM", required=False)
@click.argument("called", metavar="TO", required=False)
@click.option("--replay", metavar="CALL|FILE", help=help_of(texts.HELP_REPLAY))
@click.option("--script", type=options.FILE, help=help_of(texts.HELP_SCRIPT))
@click.option("--from-address", "source", default="", metavar="A", help=help_of(texts.HELP_FROM_ADDRESS))
@click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
@options.config
@options.state
@options.lang
@click.pass_context
def route(
    context: click.Context,
    caller: str | None,
    called: str | None,
    replay: str | None,
    script: Path | None,
    source: str,
    as_json: bool,
    config: Path | None,
    state: Path | None,
) -> None:
    """What would happen to a call."""
    settings = options.settings(config, state)
    if replay is not None:
        if caller or source:
            raise click.UsageError(help_of(texts.REPLAY_ALONE))
        from talkpath.app.routing.replay import replay as replay_calls

        context.exit(replay_calls(settings, replay, script, LANGUAGE, as_json=as_json))
    if not caller or not called:
        raise click.UsageError(help_of(texts.FROM_AND_TO))
    from talkpath.app.routing.command import print_route

    print_route(settings, caller, called, source, script, LANGUAGE, as_json=as_json)
