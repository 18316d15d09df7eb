"""Every text has both languages with the same placeholders, and every moment that anybody notes can be said."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import talkpath
from talkpath.base.texts import Language, Text
from talkpath.calls import words
from talkpath.calls.model import Moment
from talkpath.media import moments

_ALL = {**words.MOMENTS, **{f"ending {how}": text for how, text in words.ENDINGS.items()}}


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("kind", _ALL)
def test_both_languages_name_the_same_placeholders(kind: str) -> None:
    text: Text = _ALL[kind]
    extra = {"by"} if kind.startswith("ending") else set()
    assert _placeholders(text.en) - extra == _placeholders(text.zh) - extra


@pytest.mark.parametrize("language", Language)
def test_a_moment_is_said_even_when_a_value_is_missing(language: Language) -> None:
    said = words.said(Moment(0.0, "route.gateway", {"gateway": "carrier"}), language)
    assert "carrier" in said
    assert "?" in said


def test_a_kind_nobody_wrote_down_shows_its_values() -> None:
    assert words.said(Moment(0.0, "new.kind", {"a": 1}), Language.EN) == "new.kind a=1"


@pytest.mark.parametrize(("language", "word"), [(Language.EN, "nominated no pair"), (Language.ZH, "未提名")])
def test_a_known_reason_is_said_in_the_language(language: Language, word: str) -> None:
    said = words.said(Moment(0.0, "ice.failed", {"side": "caller", "why": "unnominated"}), language)
    assert word in said
    assert "unnominated" not in said


@pytest.mark.parametrize(
    ("why", "en", "zh"), [("full", "channels are taken", "通道已满"), ("status 503", "it answered 503", "应答 503")]
)
def test_the_reason_of_a_gateway_is_said_in_the_language(why: str, en: str, zh: str) -> None:
    moment = Moment(0.0, "gateway.passed-over", {"gateway": "a", "why": why})
    assert en in words.said(moment, Language.EN)
    assert zh in words.said(moment, Language.ZH)


def test_a_side_is_said_in_the_language() -> None:
    moment = Moment(0.0, "media.held", {"side": "caller"})
    assert "caller" in words.said(moment, Language.EN)
    assert "主叫" in words.said(moment, Language.ZH)


def test_an_ending_names_who_and_how() -> None:
    assert words.ending("caller", "bye", Language.EN) == "the caller hung up"
    assert words.ending("callee", "strange", Language.EN) == "strange (the callee)"


def _noted() -> Iterator[tuple[str, str, set[str]]]:
    """Where, which kind and with which values: every `note(...)` and `moment(...)` in the package with a literal."""
    for file in Path(talkpath.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            kinds = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if node.func.attr in ("note", "moment") and kinds and "." in kinds[0]:
                names = {keyword.arg for keyword in node.keywords if keyword.arg}
                yield f"{file.name}:{node.lineno}", kinds[0], names


def test_every_moment_that_is_noted_has_its_sentence_and_its_values() -> None:
    wrong = [
        f"{where}: {kind} {names}"
        for where, kind, names in _noted()
        if kind not in words.MOMENTS or not _placeholders(words.MOMENTS[kind].en) <= names
    ]
    assert wrong == []


def test_every_kind_of_media_moment_has_its_sentence() -> None:
    kinds = {value for name, value in vars(moments).items() if name.isupper()}
    assert kinds <= set(words.MOMENTS)
