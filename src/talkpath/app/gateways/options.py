"""The options of `gateways add`: one for every key of [[gateways]], made from the very fields of the configuration,
with their documentation, their bounds and their checks. A key that is added there needs nothing here.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from talkpath.app.console.options import LANGUAGE
from talkpath.base.texts import Language

if TYPE_CHECKING:
    from msgspec import inspect

    from talkpath.app.console.phrase import Phrase

#: A file is named as it is seen from here; the edge may run elsewhere.
_FILE: click.ParamType[Any] = click.Path(resolve_path=True)

#: Given by their places.
_ARGUMENTS = ("name", "address")


class GatewayCommand(click.Command):
    """A command that takes a gateway; the configuration is looked at when somebody asks for it."""

    @cached_property
    def _of_fields(self) -> list[click.Parameter]:
        found: list[click.Parameter] = [click.Argument([name]) for name in _ARGUMENTS]
        found += [_option(name, kind, default) for name, kind, default in _fields() if name not in _ARGUMENTS]
        return found

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*self._of_fields, *super().get_params(ctx)]


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that were given, as the configuration has them; lists that were begun anew are one."""
    found = {key: value for key, value in values.items() if value is not None and value != ()}
    return {
        key: tuple(item for part in value for item in part) if isinstance(value, tuple) else value
        for key, value in found.items()
    }


def mistakes(values: Mapping[str, Any]) -> "Iterator[Phrase]":
    """What is wrong with texts of a gateway, said as of a configuration."""
    from talkpath.app.config.checks import TEXT_CHECKS

    for name, kind, _ in _fields():
        check = TEXT_CHECKS.get((kind.extra or {}).get("of"))
        value = values.get(name)
        for text in value if isinstance(value, tuple) else (value,):
            if check is not None and isinstance(text, str) and text and (what := check(text)):
                yield what


def _fields() -> "Iterator[tuple[str, inspect.Metadata, object]]":
    """Every key of a gateway, what stands on it, and its default."""
    from typing import cast

    from msgspec import inspect

    from talkpath.app.config.gateways import Gateway

    for field in cast(inspect.StructType, inspect.type_info(Gateway)).fields:
        yield field.name, cast(inspect.Metadata, field.type), field.default


def _option(name: str, kind: "inspect.Metadata", default: object) -> click.Option:
    from msgspec import inspect

    flag = f"--{name.replace('_', '-')}"
    is_file = (kind.extra or {}).get("of") == "file"
    said = (kind.extra_json_schema or {}).get("description", "")
    text = (kind.extra or {}).get("zh", "") if LANGUAGE is Language.ZH else said
    shown = _shown(default)
    inner = _bare(kind)
    if isinstance(inner, inspect.BoolType):
        return click.Option([f"{flag}/--no-{flag[2:]}"], default=None, help=text, show_default=shown)
    if isinstance(inner, inspect.VarTupleType):
        listed = _Listed(_typed(_bare(inner.item_type)))
        return click.Option([flag], multiple=True, type=listed, help=text, show_default=shown)
    short = ["-p"] if name == "password" else []
    typed = _FILE if is_file else _typed(inner)
    return click.Option([flag, *short], type=typed, help=text, show_default=shown)


def _bare(kind: "inspect.Type") -> "inspect.Type":
    """The type of a value that is given: without what stands on it, and without the None of one that is left out."""
    from msgspec import inspect

    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return next(one for one in kind.types if not isinstance(one, inspect.NoneType))
    return kind


def _typed(kind: "inspect.Type") -> click.ParamType[Any]:
    from msgspec import inspect

    match kind:
        case inspect.IntType(ge=least, le=most):
            return click.IntRange(least, most)
        case inspect.FloatType(ge=least, le=most):
            return click.FloatRange(least, most)
        case inspect.LiteralType(values=values):
            return click.Choice([str(one) for one in values], case_sensitive=False)
    return click.STRING


def _shown(default: object) -> str | bool:
    """A default that says something."""
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or False
    if isinstance(default, bool):
        return ("no", "yes")[default]
    return str(default) if isinstance(default, int | float | str) and default != "" else False


class _Listed(click.ParamType[tuple[Any, ...]]):
    """Several values in one word, apart by commas; the option may be given again for more."""

    name = "list"

    def __init__(self, item: click.ParamType[Any]) -> None:
        self._item = item

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        """The values, each of the kind that the list has."""
        if isinstance(value, tuple):
            return value
        words = [word.strip() for word in str(value).split(",")]
        return tuple(self._item.convert(word, param, ctx) for word in words if word)
