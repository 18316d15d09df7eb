"""The commands `gateways ...`, as click sees them. What they do is in `gateways.py`."""

from pathlib import Path

import click

from talkpath.app.console import options
from talkpath.app.console.options import LANGUAGE, help_of
from talkpath.app.gateways import words as texts
from talkpath.app.gateways.options import GatewayCommand, given


def register(app: click.Group) -> None:
    """Add the commands."""
    app.add_command(gateways)


_json = click.option("--json", "as_json", is_flag=True, help=help_of(texts.HELP_JSON))
_watch = click.option("--watch", "-w", is_flag=True, help=help_of(texts.HELP_WATCH))
_names = click.argument("names", metavar="NAME...", nargs=-1, required=True)


@click.group(help=help_of(texts.HELP), invoke_without_command=True)
@_json
@_watch
@options.config
@options.state
@options.lang
@click.pass_context
def gateways(context: click.Context, as_json: bool, watch: bool, config: Path | None, state: Path | None) -> None:
    """The gateways."""
    if context.invoked_subcommand is None:
        context.invoke(list_gateways, as_json=as_json, watch=watch, config=config, state=state)


@gateways.command("list", help=help_of(texts.HELP_LIST))
@_json
@_watch
@options.config
@options.state
@options.lang
def list_gateways(as_json: bool, watch: bool, config: Path | None, state: Path | None) -> None:
    """List the gateways."""
    from talkpath.app.gateways.command import print_gateways, watch_gateways

    show = watch_gateways if watch else print_gateways
    show(options.settings(config, state), LANGUAGE, as_json=as_json)


@gateways.command("disable", help=help_of(texts.HELP_DISABLE))
@_names
@options.config
@options.state
@options.lang
def disable_gateways(names: tuple[str, ...], config: Path | None, state: Path | None) -> None:
    """Disable gateways."""
    from talkpath.app.gateways.command import disable

    disable(options.settings(config, state), names, LANGUAGE, is_disabled=True)


@gateways.command("enable", help=help_of(texts.HELP_ENABLE))
@_names
@options.config
@options.state
@options.lang
def enable_gateways(names: tuple[str, ...], config: Path | None, state: Path | None) -> None:
    """Enable gateways."""
    from talkpath.app.gateways.command import disable

    disable(options.settings(config, state), names, LANGUAGE, is_disabled=False)


@gateways.command("add", cls=GatewayCommand, help=help_of(texts.HELP_ADD))
@options.config
@options.state
@options.lang
def add_gateway(config: Path | None, state: Path | None, **values: object) -> None:
    """Add a gateway."""
    from talkpath.app.gateways.command import add

    keys = given(values)
    if isinstance(password := keys.get("password"), str):
        keys["password"] = options.typed(password) or ""
    add(options.settings(config, state), keys, LANGUAGE)


@gateways.command("remove", help=help_of(texts.HELP_REMOVE))
@_names
@options.config
@options.state
@options.lang
def remove_gateways(names: tuple[str, ...], config: Path | None, state: Path | None) -> None:
    """Remove gateways."""
    from talkpath.app.gateways.command import remove

    remove(options.settings(config, state), names, LANGUAGE)
