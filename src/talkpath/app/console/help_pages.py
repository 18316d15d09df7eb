"""What click itself writes, in the language of the rest: into help pages, and where a command was written wrongly.

It asks gettext for each of its messages and brings no catalogue. Ours is no file that gettext would find, so each of
its modules is given our own look-up instead; `tests/app/test_chinese.py` reads click's sources for messages that have
none here.
"""

import importlib

import click

from talkpath.app.console import click_words as texts
from talkpath.base.texts import Language, Text

_OF_CLICK: dict[str, Text] = {text.en: text for text in texts.OF_CLICK}
# Its modules that talk to who wrote a command.
MODULES = ("core", "decorators", "exceptions", "formatting", "parser", "types")


def speak(command: click.Command, language: Language) -> None:
    """Let the help of a command, and of those below it, and its errors be in this language."""
    if language is not Language.EN:
        for name in MODULES:
            vars(importlib.import_module(f"click.{name}")).update(_=_said, ngettext=_said_of_several)
    _dress(command, language)


def _dress(command: click.Command, language: Language) -> None:
    command.context_class = _CONTEXTS[language]
    if language is Language.ZH and command.help and command.short_help is None:
        # It looks for a full stop and for blanks.
        command.short_help = command.help.partition("。")[0]
    command.options_metavar = texts.OPTIONS.say(language)
    if isinstance(command, click.Group):
        command.subcommand_metavar = texts.SUBCOMMAND.say(language)
        for below in command.commands.values():
            _dress(below, language)


def _said(message: str) -> str:
    known = _OF_CLICK.get(message)
    return message if known is None else known.zh


def _said_of_several(one: str, several: str, count: int) -> str:
    return _said(one if count == 1 else several)


class _ChineseFormatter(click.HelpFormatter):
    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, texts.USAGE.zh if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{heading}{texts.COLON.zh}\n")


class _ChineseContext(click.Context):
    formatter_class = _ChineseFormatter


_CONTEXTS = {Language.EN: click.Context, Language.ZH: _ChineseContext}
