"""Every page: its links lead somewhere, its headings are there, and its configurations are taken."""

import posixpath
import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from talkpath.app.config.file import read_text

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "examples", "bench")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))],
)
#: Pages whose samples are whole files.
WHOLE = sorted([*(ROOT / "docs" / "coming-from").glob("*.md"), *(ROOT / "docs" / "operate").glob("deployments*.md")])
NAMES = {path.relative_to(ROOT).as_posix(): path for path in PAGES}


def tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    inner = (child for token in tokens(path) for child in token.children or ())
    found = (child.attrGet("src" if child.type == "image" else "href") for child in inner)
    return [str(link) for link in found if link is not None]


def headings(path: Path) -> set[str]:
    """As web pages of repositories and the site name them."""
    found = tokens(path)
    said = (found[at + 1].content for at, token in enumerate(found) if token.type == "heading_open")
    return {re.sub(r"[^\w\- ]", "", text.replace("`", "")).strip().lower().replace(" ", "-") for text in said}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for link in links(NAMES[name]):
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if target else name
        assert (ROOT / place).exists(), link
        if anchor and place in NAMES:
            assert anchor in headings(NAMES[place]), link


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_configurations_of_the_pages_are_taken(path: Path) -> None:
    samples = [token.content for token in tokens(path) if token.type == "fence" and token.info == "toml"]
    assert samples
    for sample in samples:
        read_text(sample, Path("talkpath.toml"), is_to_run=False)


@pytest.mark.parametrize("path", [path for path in WHOLE if ".zh." not in path.name], ids=lambda path: path.name)
def test_samples_are_the_same_in_both_languages(path: Path) -> None:
    chinese = path.with_name(path.name.replace(".md", ".zh.md"))
    one, other = ([token.content for token in tokens(each) if token.type == "fence"] for each in (path, chinese))
    assert one == other
