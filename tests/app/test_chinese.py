"""What talkpath says in Chinese is what docs/glossary.md says, and is set as Chinese is set."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkpath.app.console.click_words import OF_CLICK
from talkpath.app.console.help_pages import MODULES

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
#: The edge alone is no word of the table: it is right as a part of the longer one.
ALONE = r"边缘(?!服务器)"
CHINESE = "[\u4e00-\u9fff]"
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
# Placeholders that stand for 主叫 or 被叫.
PARTIES = "side|sides|who|owner|sender|hearer"
PARTY = rf"\{{(?:{PARTIES})\}}"
SETTING = {
    "a blank between Chinese words": rf"{CHINESE} +{CHINESE}",
    "a blank beside full-width punctuation": r"[，。：；？！（）“”、] +\S|\S +[，。：；？！）”、]",
    "a blank around a party": rf"{CHINESE} {PARTY}|{PARTY} {CHINESE}",
    "half-width punctuation": rf"{CHINESE}[:;?!,(]|[;?!,):]{CHINESE}|\}}:\{{",
    "an English word": r"(?<![\w{“/\[.-])(?:audio|phone|caller|callee)(?![\w}.:/\]-])",
}


def forbidden() -> list[str]:
    """The third column of the glossary."""
    rows = [line.split("|") for line in GLOSSARY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    words = [word for row in rows[2:] for word in row[3].strip().split("、") if word and "（" not in word]
    return [ALONE, *map(re.escape, words)]


def of_sources() -> Iterator[tuple[str, str]]:
    """Every text in Chinese of the package, and where it stands."""
    for path in sorted((ROOT / "src" / "talkpath").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(CHINESE, node.value):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def of_the_page() -> Iterator[tuple[str, str]]:
    path = ROOT / "page" / "src" / "words.js"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for text in re.findall(rf"'([^']*{CHINESE}[^']*)'", line):
            yield f"{path.relative_to(ROOT)}:{number}", text


def of_pages() -> Iterator[tuple[str, str]]:
    """Lines of the Chinese pages."""
    folders = [ROOT / "docs", ROOT / "examples"]
    pages = [path for folder in folders for path in folder.rglob("*.md") if path.name.endswith(".zh.md")]
    for path in [ROOT / "README.zh.md", *sorted(pages), *sorted((ROOT / "docs" / "cases" / "zh").glob("*.md"))]:
        text = re.sub(
            r"^```.*?^```", lambda code: "\n" * code[0].count("\n"), path.read_text("utf-8"), flags=re.M | re.S
        )
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(CHINESE, line) and not line.startswith("    "):
                yield f"{path.relative_to(ROOT)}:{number}", line.strip()


SAID = [*of_sources(), *of_the_page(), *of_pages()]


def bare(text: str) -> str:
    """With an x for what is no Chinese: code, targets of links, addresses, commands, placeholders of the pages."""
    text = re.sub(r"`[^`]*`|\w+://\S+|地址:端口|\S*!公网|--[\w-]+(?:[ =]\w+)*|&lt;\w+&gt;", "x", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"\btalkpath(?:\[\w+\]| [\w\[\]. -]+)", "x", text)
    return re.sub(r"^(?:[*#>-]|\d+\.) +|[*#]|[|\s]*\|[|\s]*", "|", text.strip())


def found(pattern: str, *, whole: bool) -> list[str]:
    hits = ((place, re.search(pattern, text if whole else bare(text))) for place, text in SAID)
    return [f"{place}: {hit[0]}" for place, hit in hits if hit]


def test_there_is_much_to_read() -> None:
    assert len(SAID) > 2000
    assert len(forbidden()) > 30


@pytest.mark.parametrize("word", forbidden())
def test_one_word_for_each_thing(word: str) -> None:
    assert found(word, whole=True) == []


@pytest.mark.parametrize("what", SETTING)
def test_it_is_set_as_chinese_is(what: str) -> None:
    assert found(SETTING[what], whole=False) == []


def test_help_pages_are_in_one_language() -> None:
    command = [sys.executable, "-m", "talkpath", "--lang", "zh", "users", "--help"]
    env = {**os.environ, "LC_ALL": "C.UTF-8"}
    text = subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout
    assert text.startswith("用法：")
    assert {"选项：", "命令："} <= set(text.splitlines())
    assert not re.search(r"Usage|Options|Commands|Show this|\[OPTIONS\]|COMMAND", text)


# What click says to who wrote the program.
_OF_PROGRAMMERS = re.compile(
    r"Deprecat|deprecated|Could not determine|No options defined|defined twice|exactly one|Boolean option"
)
# What no command of ours can say: prompts, passwords typed twice, types that none takes.
_UNUSED = re.compile(
    r"Do you want|Confirm the action|%\(prog\)s|Show the version|env var|default: |\(dynamic\)|iterable|UUID|"
    r"Choice\(|match the format|Invalid start character"
)


def test_whatever_click_may_say_is_in_the_catalogue() -> None:
    said = set[str]()
    for name in MODULES:
        source = inspect.getsource(importlib.import_module(f"click.{name}"))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                said |= {
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    assert "No such option {name!r}." in said
    missing = said - {text.en for text in OF_CLICK}
    assert [one for one in missing if not (_OF_PROGRAMMERS.search(one) or _UNUSED.search(one))] == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["calls", "--limit", "0"], "0 不在范围"),
        (["nosuch"], "没有命令 'nosuch'"),
        (["status", "--jsn"], "是否要写 '--json'"),
        (["users", "add"], "缺少参数"),
    ],
)
def test_a_command_written_wrongly_is_told_in_chinese(words: list[str], part: str) -> None:
    command = [sys.executable, "-m", "talkpath", "--lang", "zh", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False
    )
    assert done.returncode == 2
    assert part in done.stderr
    assert not re.search(r"Usage|Error|Try ", done.stderr)
