"""How Sphinx makes a language of the site; build.py lays the pages out and says which language it is."""

import re

from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

project = "talkpath"
html_title = "talkpath"
html_theme = "furo"
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
extensions = ["myst_parser"]
templates_path = ["templates"]
myst_heading_anchors = 3
# Samples of logs and of configurations with dots in them are no code that could be coloured.
suppress_warnings = ["misc.highlighting_failure"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

_CHINESE = re.compile(r"[\u4e00-\u9fff]+")
_LATIN = re.compile(r"[A-Za-z0-9_]+")


class Pairs(SearchChinese):
    """Chinese without a dictionary: each two characters that stand together are a word, in pages and questions."""

    # The page names its stemmer after the language, and what comes with this one is that of English.
    language_name = "English"
    js_splitter_code = r"""
var splitQuery = query => query.split(/[^\p{Letter}\p{Number}_]+/u).filter(Boolean).flatMap(run =>
  run.match(/[\u4e00-\u9fff]+|[^\u4e00-\u9fff]+/g).flatMap(part => /[\u4e00-\u9fff]/.test(part) && part.length > 2
    ? Array.from({ length: part.length - 1 }, (_, at) => part.slice(at, at + 2)) : [part]));
"""

    def split(self, input: str) -> list[str]:
        runs = _CHINESE.findall(input)
        latin = _LATIN.findall(input)
        self.latin_terms.update(latin)
        return [run[at : at + 2] for run in runs for at in range(max(1, len(run) - 1))] + latin


def setup(app: Sphinx) -> None:
    app.add_search_language(Pairs)
