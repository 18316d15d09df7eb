"""The commands `record ...` and `recordings ...`, as click sees them."""

from pathlib import Path

import click

from talkpath.app import options
from talkpath.app import recording_words as texts
from talkpath.app.options import LANGUAGE, help_of


def register(app: click.Group) -> None:
    """Add the commands."""
    app.add_command(record)


@click.group(help=help_of(texts.HELP_RECORD), no_args_is_help=True)
def record() -> None:
    """The recording of a running call."""


def _verb(name: str, help_text: str) -> None:
    @record.command(name, help=help_text)
    @click.argument("call", metavar="CALL")
    @options.config
    @options.state
    @options.lang
    def command(call: str, config: Path | None, state: Path | None) -> None:
        from talkpath.app.recording import record as do
        from talkpath.edge.recording import Verb

        do(options.settings(config, state), Verb(name), call, LANGUAGE)


_verb("start", help_of(texts.HELP_START))
_verb("stop", help_of(texts.HELP_STOP))
_verb("pause", help_of(texts.HELP_PAUSE))
_verb("resume", help_of(texts.HELP_RESUME))
