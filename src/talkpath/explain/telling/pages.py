"""The catalogue of rules as pages: what `--rules` prints and `docs/cases/` holds, written from the rules themselves.

`python -m talkpath.explain.telling.pages docs/cases` writes the pages anew.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from talkpath.base.texts import Language, Text
from talkpath.explain.judging.rule import Rule
from talkpath.explain.judging.rules import RULES
from talkpath.explain.telling import words

_PLACEHOLDER = re.compile(r"\{(\w+)(?::[^}]*)?\}")
INDEX = Text("Finding codes", "问题代码")
CODE = Text("code", "代码")
INTRO = Text(
    "Every cause that `talkpath explain` names, what it takes to name it, and what to do. These pages are "
    "written from "
    "the rules (`python -m talkpath.explain.telling.pages docs/cases`).",
    "`talkpath explain` 能指出的每一种原因、判定依据与处理方法。本页由规则生成（`python -m "
    "talkpath.explain.telling.pages docs/cases`）。",
)
ABOUT = Text(
    "An error is what a person felt. A warning may become one, a note is worth knowing.",
    "错误表示有人受到影响；警告可能变成错误；提示值得了解。",
)


def plain(text: Text, language: Language) -> str:
    """A sentence with its placeholders shown as names."""
    said = text.zh if language is Language.ZH else text.en
    return _PLACEHOLDER.sub(r"<\1>", said)


def rule_page(rule: Rule, language: Language) -> str:
    """One rule as Markdown."""
    colon = words.PAGE["colon"].say(language)
    severity, symptom = words.SEVERITIES[rule.severity], words.SYMPTOMS[rule.symptom]
    lines = [
        f"# {rule.code}",
        "",
        f"**{_escaped(rule.title, language)}**",
        "",
        f"{severity.say(language)} · {words.SYMPTOM.say(language)}{colon}{symptom.say(language)}",
    ]
    sections = [(words.WHY, rule.why), (words.NEEDS, rule.needs), (words.FIX, rule.fix)]
    if rule.own_fix is not None:
        sections.append((words.OWN_FIX, rule.own_fix))
    if rule.doubt is not None:
        sections.append((words.DOUBT, rule.doubt))
    for head, text in sections:
        lines += ["", f"## {head.say(language)}", "", _escaped(text, language)]
    if rule.explains:
        listed = ", ".join(f"[{code}]({code}.md)" for code in sorted(rule.explains))
        lines += ["", f"## {words.EXPLAINS.say(language)}", "", listed]
    return "\n".join(lines) + "\n"


def index_page(language: Language) -> str:
    """All codes in a table."""
    lines = [f"# {INDEX.say(language)}", "", INTRO.say(language), "", ABOUT.say(language), ""]
    lines += [f"| {CODE.say(language)} | {words.SYMPTOM.say(language)} | |", "| --- | --- | --- |"]
    for rule in RULES:
        symptom = words.SYMPTOMS[rule.symptom].say(language)
        lines.append(f"| [{rule.code}]({rule.code}.md) | {symptom} | {_escaped(rule.title, language)} |")
    return "\n".join(lines) + "\n"


def pages() -> Iterator[tuple[str, str]]:
    """(path below docs/cases, text) of every page in both languages."""
    for language, folder in ((Language.EN, ""), (Language.ZH, "zh/")):
        yield f"{folder}README.md", index_page(language)
        for rule in RULES:
            yield f"{folder}{rule.code}.md", rule_page(rule, language)


def _escaped(text: Text, language: Language) -> str:
    return plain(text, language).replace("<", "&lt;").replace(">", "&gt;")


def write(folder: Path) -> None:
    """Write every page into a folder."""
    for name, text in pages():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
