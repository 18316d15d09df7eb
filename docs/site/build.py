"""Makes the site of all pages in both languages: `python docs/site/build.py build/site`.

Sphinx reads one folder a language. The pages are laid out there as they stand in the repository, README as the first
one, so that a page that is added needs no entry anywhere. A page that is not there in Chinese is there in English.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
FOLDERS = ("guide", "operate", "coming-from", "reference", "cases", "decisions")
_ALONE = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changes.md",
    "bench/README.md": "project/bench.md",
    "docs/glossary.md": "project/glossary.md",
    "examples/README.md": "examples/index.md",
}
_HEADS = {
    "guide": ("Guide", "指南"),
    "operate": ("Operate", "运行维护"),
    "coming-from": ("Coming from", "从其他系统迁移"),
    "examples": ("Examples", "示例"),
    "reference": ("Reference", "参考"),
    "cases": ("Cases", "案例"),
    "decisions": ("Decisions", "设计决定"),
    "project": ("Project", "项目"),
}
#: What a reader needs first stands first.
_FIRST = {"guide": ("first-call", "explain"), "operate": ("running",), "cases": ("index",), "examples": ("index",)}
_ONLY_ENGLISH = "\n```{note}\n本页只有英文。\n```\n"
_LINK = re.compile(r"(?P<bang>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
_OTHER_LANGUAGE = re.compile(r"\s*\[(?:中文|English)\]\([^)]*\)")


def places() -> dict[str, str]:
    """Where each page of the repository stands in the site, by the name of its English form."""
    found = dict(_ALONE)
    for folder in FOLDERS:
        for path in sorted((ROOT / "docs" / folder).glob("*.md")):
            if not path.name.endswith(".zh.md"):
                name = "index.md" if path.name == "README.md" else path.name
                found[f"docs/{folder}/{path.name}"] = f"{folder}/{name}"
    for path in sorted((ROOT / "examples").glob("*/README.md")):
        found[f"examples/{path.parent.name}/README.md"] = f"examples/{path.parent.name}.md"
    return found


def english(name: str) -> str:
    """The English form of a page."""
    return name.replace("docs/cases/zh/", "docs/cases/").replace(".zh.md", ".md")


def source(name: str, language: str) -> Path:
    """The file of a page in a language, or in English."""
    if language == "en":
        return ROOT / name
    forms = {name.replace("docs/cases/", "docs/cases/zh/"), name.replace(".md", ".zh.md")} - {name}
    return next((ROOT / form for form in forms if (ROOT / form).exists()), ROOT / name)


def laid_out(name: str, language: str, known: Mapping[str, str]) -> str:
    """The text of a page, with its links as the site has them. What is no page of it is named and not linked."""
    path = source(name, language)

    def link(match: re.Match[str]) -> str:
        target, _, anchor = match["target"].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return match[0]
        there = posixpath.normpath(posixpath.join(path.parent.relative_to(ROOT).as_posix(), target))
        if english(there) in known:
            way = posixpath.relpath(known[english(there)], posixpath.dirname(known[name]) or ".")
            return f"{match['bang']}[{match['text']}]({way}{'#' + anchor if anchor else ''})"
        return match["text"] if (ROOT / there).exists() else match[0]

    text = _LINK.sub(link, _OTHER_LANGUAGE.sub("", path.read_text(encoding="utf-8")))
    if language == "zh" and path == ROOT / name:
        head, _, rest = text.partition("\n")
        text = head + "\n" + _ONLY_ENGLISH + rest
    return text


def contents(language: str, known: Mapping[str, str]) -> Iterator[str]:
    """The tables of contents: a head for each folder, and all its pages."""
    for folder, heads in _HEADS.items():
        pages = [place.removesuffix(".md") for place in known.values() if place.startswith(f"{folder}/")]
        first = [f"{folder}/{name}" for name in _FIRST.get(folder, ()) if f"{folder}/{name}" in pages]
        listed = "\n".join([*first, *sorted(set(pages) - set(first))])
        yield f"\n```{{toctree}}\n:hidden:\n:caption: {heads[LANGUAGES.index(language)]}\n\n{listed}\n```\n"


def lay_out(folder: Path, language: str) -> None:
    """Write all pages of a language into a folder."""
    known = places()
    for name, place in known.items():
        text = laid_out(name, language, known)
        if place == "index.md":
            text += "".join(contents(language, known))
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(text, encoding="utf-8")


def build(target: Path) -> None:
    """The whole site. A link that leads nowhere ends it."""
    work = target.parent / f"{target.name}-pages"
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    for language in LANGUAGES:
        lay_out(work / language, language)
        command = [sys.executable, "-m", "sphinx", "-q", "-j", "auto", "-W", "--keep-going"]
        options = ["-c", str(HERE), "-D", f"language={language}", "-d", str(work / "trees" / language)]
        subprocess.run([*command, *options, str(work / language), str(target / language)], check=True)
    shutil.copy(HERE / "index.html", target / "index.html")
    shutil.rmtree(work)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
