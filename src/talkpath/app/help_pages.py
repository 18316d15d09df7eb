"""What click itself writes into help pages, in the language of the rest: it brings no catalogue of its own."""

from collections.abc import Iterable

import click

from talkpath.app import words
from talkpath.base.texts import Language, Text

# By what click writes.
_OF_CLICK = {text.en: text for text in words.HELP_PAGES}


def speak(command: click.Command, language: Language) -> None:
    """Let the help of a command, and of those below it, be in this language."""
    command.context_class = _CONTEXTS[language]
    if language is Language.ZH and command.help and command.short_help is None:
        # It looks for a full stop and for blanks.
        command.short_help = command.help.partition("。")[0]
    command.options_metavar = words.HELP_OPTIONS.say(language)
    if isinstance(command, click.Group):
        command.subcommand_metavar = words.HELP_SUBCOMMAND.say(language)
        for below in command.commands.values():
            speak(below, language)


class _Formatter(click.HelpFormatter):
    language = Language.EN

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, words.HELP_USAGE.say(self.language) if prefix is None else prefix)

    def write_heading(self, heading: str) -> None:
        text = _said(heading, self.language) + words.HELP_COLON.say(self.language)
        self.write(f"{'':>{self.current_indent}}{text}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl([(name, _said(text, self.language)) for name, text in rows], col_max, col_spacing)


def _said(text: str, language: Language) -> str:
    known: Text | None = _OF_CLICK.get(text)
    return known.say(language) if known else text


class _ChineseFormatter(_Formatter):
    language = Language.ZH


class _Context(click.Context):
    formatter_class = _Formatter


class _ChineseContext(click.Context):
    formatter_class = _ChineseFormatter


_CONTEXTS = {Language.EN: _Context, Language.ZH: _ChineseContext}
