"""The reference page and the commented example file, made from the fields of the configuration tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from msgspec import inspect

from talkpath.app.config.tree import Config
from talkpath.base.texts import Language, Text

PAGE_TITLE = Text("Configuration", "配置")
PAGE_INTRO = Text(
    "No configuration is needed: without a file, every key has the default below. A file is TOML and holds only "
    "what differs. `talkpath run --config FILE` uses it, else `$TALKPATH_CONFIG`, else "
    "`/etc/talkpath/talkpath.toml` where that exists. `talkpath check FILE` says what is wrong with it, with file, "
    "line and column; `talkpath check --example` prints a file with every key, commented out.",
    "不需要任何配置：没有文件时，每个键都取下列默认值。配置文件为 TOML 格式，只写与默认不同之处。"
    "`talkpath run --config FILE` 使用该文件，否则用 `$TALKPATH_CONFIG`，再否则用存在时的 "
    "`/etc/talkpath/talkpath.toml`。`talkpath check FILE` 指出错误所在的文件、行和列；"
    "`talkpath check --example` 打印含有全部键（均已注释）的文件。",
)
PAGE_NOTE = Text(
    "This page is generated from `src/talkpath/app/config/` by `make docs`.",
    "本页由 `make docs` 根据 `src/talkpath/app/config/` 生成。",
)
EXAMPLE_INTRO = Text(
    "Every key of talkpath with its default. Take away the # before what you change.",
    "talkpath 的全部键及其默认值。修改时去掉行首的 #。",
)
TOP_LEVEL = Text("Top level", "顶层")
COLUMNS = Text("| key | default | value | meaning |", "| 键 | 默认值 | 取值 | 含义 |")
REQUIRED = Text("required", "必填")
NONE_GIVEN = Text("none", "无")
NUMBER = Text("{least} to {most}", "{least} 到 {most}")
TEXT = Text("text", "文本")
NAMED = Text("table of {item}", "{item}的表")
LIST = Text("list of {item}", "{item}的列表")
TABLES = Text("tables", "表")
LISTED = Text("May be given several times.", "可以写多次。")


@dataclass(frozen=True, slots=True)
class _Section:
    """A table of the file: its name, how its header is written, its documentation and its fields."""

    name: str
    is_list: bool
    said: dict[Language, str]
    fields: tuple[inspect.Field, ...]

    @property
    def header(self) -> str:
        return f"[[{self.name}]]" if self.is_list else f"[{self.name}]"


def reference(language: Language) -> str:
    """The reference page in Markdown."""
    parts = [f"# {PAGE_TITLE.say(language)}", PAGE_INTRO.say(language), PAGE_NOTE.say(language)]
    for section in _sections():
        heading = f"`{section.header}`" if section.name else TOP_LEVEL.say(language)
        between = " " if language is Language.EN else ""
        listed = f"{between}{LISTED.say(language)}" if section.is_list else ""
        parts += [f"## {heading}", f"{section.said[language]}{listed}".strip(), _rows(section, language)]
    return "\n\n".join(part for part in parts if part) + "\n"


def example(language: Language) -> str:
    """The example file: every key as a comment, with its documentation above it."""
    blocks = [f"## {EXAMPLE_INTRO.say(language)}"]
    for section in _sections():
        lines = [f"## {section.said[language]}", f"# {section.header}"] if section.name else []
        for field in section.fields:
            lines += [*_wrapped(_said(field.type)[language], "## "), f"# {field.name} = {_sample(field)}"]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _sections() -> Iterator[_Section]:
    """The tables of the file in its order, the keys outside any table first."""
    top = cast(inspect.StructType, inspect.type_info(Config)).fields
    plain = tuple(field for field in top if _section_of(field.type) is None)
    yield _Section("", False, dict.fromkeys(Language, ""), plain)
    for field in top:
        if (struct := _section_of(field.type)) is not None:
            yield from _nested(field, struct, field.name)


def _nested(field: inspect.Field, struct: inspect.StructType, name: str) -> Iterator[_Section]:
    is_list = isinstance(_bare(field.type), inspect.VarTupleType)
    plain = tuple(inner for inner in struct.fields if _section_of(inner.type) is None)
    yield _Section(name, is_list, _said(field.type), plain)
    for inner in struct.fields:
        if (below := _section_of(inner.type)) is not None:
            yield from _nested(inner, below, f"{name}.{inner.name}")


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _section_of(kind: inspect.Type) -> inspect.StructType | None:
    """The struct whose fields a table of this type holds; None for a plain value."""
    bare = _bare(kind)
    item = _bare(bare.item_type) if isinstance(bare, inspect.VarTupleType) else bare
    return item if isinstance(item, inspect.StructType) else None


def _said(kind: inspect.Type) -> dict[Language, str]:
    """The documentation that stands on a field."""
    while isinstance(kind, inspect.Metadata):
        if kind.extra and "zh" in kind.extra:
            schema = kind.extra_json_schema or {}
            return {Language.EN: schema["description"], Language.ZH: kind.extra["zh"]}
        kind = kind.type
    raise LookupError("a field of the configuration has no documentation")


def _rows(section: _Section, language: Language) -> str:
    lines = [COLUMNS.say(language), "| --- | --- | --- | --- |"]
    for field in section.fields:
        cells = (
            f"`{field.name}`",
            _default(field, language),
            _kind(field.type, language),
            _said(field.type)[language],
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _default(field: inspect.Field, language: Language) -> str:
    if field.required:
        return REQUIRED.say(language)
    value = _default_of(field)
    return NONE_GIVEN.say(language) if value is None else f"`{_toml(value)}`"


def _default_of(field: inspect.Field) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def _kind(kind: inspect.Type, language: Language) -> str:
    match _bare(kind):
        case inspect.BoolType():
            return "`true`, `false`"
        case inspect.UnionType(types=types):
            return _kind(next(one for one in types if not isinstance(one, inspect.NoneType)), language)
        case inspect.IntType(ge=least, le=most) | inspect.FloatType(ge=least, le=most):
            return NUMBER.say(language, least=least, most=most)
        case inspect.EnumType(cls=cls):
            return ", ".join(f"`{one.value}`" for one in cls)
        case inspect.LiteralType(values=values):
            return ", ".join(f"`{one}`" for one in values)
        case inspect.VarTupleType(item_type=item):
            return LIST.say(language, item=_kind(item, language))
        case inspect.DictType(value_type=item):
            return NAMED.say(language, item=_kind(item, language))
    return TEXT.say(language)


def _sample(field: inspect.Field) -> str:
    """The default as TOML; for a key that has none, a value that shows its form."""
    if not field.required and (value := _default_of(field)) is not None:
        return _toml(value)
    samples = {
        "language": '"en"',
        "port": "5060",
        "transport": '"UDP"',
        "address": '"192.0.2.10"',
        "name": '"carriers"',
    }
    return samples.get(field.name, '["192.0.2.0/24"]' if field.name.endswith("networks") else '"..."')


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return msgspec.json.encode(value).decode()


def _wrapped(text: str, prefix: str, width: int = 100) -> Iterator[str]:
    """Lines of at most `width`; Chinese, which has no spaces to break at, stays whole between its spaces."""
    line = ""
    for word in text.split(" "):
        if line and len(prefix) + len(line) + 1 + len(word) > width:
            yield prefix + line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield prefix + line
