"""What talkpath says in Chinese is what docs/glossary.md says, and is set as Chinese is set."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
