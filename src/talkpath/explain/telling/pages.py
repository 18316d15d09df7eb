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
from talkpath.explain.telling.measured import CAPTURES, FALSE_ALARMS, HEALTHY, MEASURED, MENDED_BY, NEW_TO_THEM

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
SURE = Text("How sure is sure", "置信度意味着什么")
MEANT = Text(
    "Every finding has a confidence (in the JSON, and in the report of one call). Of errors said at 0.9, nine in ten "
    "are to be right: the cause that is named is the cause. Below 0.8 something is wrong, and the cause may be "
    "another.",
    "每条发现都带有置信度（见 JSON 以及单个呼叫的报告）。置信度为 0.9 的错误应有九成正确：指出的原因即真正原因。"
    "低于 0.8 时，问题确实存在，但原因可能不同。",
)
COUNTED = Text(
    "Counted on {captures} captures, each of one fault in a host or a link (or none) and of other calls beside it, "
    "taken "
    "at a proxy or beside a phone. They are made by a small world of phones, proxies, relays, NATs and firewalls "
    "that "
    "follows the RFCs and knows nothing of the rules (`python -m tests.explain.world.judged`). In {healthy} of them "
    "nothing was wrong; errors said of those: {false}. Real networks are stranger than any world of this kind: "
    "where a "
    'finding looks wrong, read "when it is wrong" on its page.',
    "统计自 {captures} 个抓包：每个含一处主机或链路故障（或没有故障）及旁边的其他呼叫，在代理处或话机旁抓取。"
    "它们由一个由话机、代理、中继、NAT 和防火墙组成的小型环境生成，遵循 RFC 而不了解任何规则"
    "（`python -m tests.explain.world.judged`）。其中 {healthy} 个没有故障，对它们报出的错误数：{false}。"
    "真实网络比任何此类环境都复杂：若某条发现看起来不对，请阅读其页面上的“何时会误判”。",
)
OF_STRANGERS = Text(
    "Errors said of captures that strangers published were compared with the packets. Of captures that the rules had "
    "been mended by: {mended}; of captures that came afterwards: {new} (right, doubtful, wrong). So few say little "
    "by themselves.",
    "对公开发布的抓包报出的错误逐一与数据包核对。曾用来改进规则的抓包：{mended}；此后才拿到的抓包：{new}"
    "（正确、存疑、错误）。数量太少，仅供参考。",
)
HEAD = (Text("confidence", "置信度"), Text("errors said", "报出的错误"), Text("right", "正确"))


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
    return "\n".join([*lines, "", *_confidence(language)]) + "\n"


def _confidence(language: Language) -> Iterator[str]:
    """What a confidence is worth: how many errors of each were right."""
    values = {"captures": CAPTURES, "healthy": HEALTHY, "false": FALSE_ALARMS}
    yield from (f"## {SURE.say(language)}", "", MEANT.say(language), "", COUNTED.say(language, **values), "")
    yield f"| {HEAD[0].say(language)} | {HEAD[1].say(language)} | {HEAD[2].say(language)} | |"
    yield "| --- | --- | --- | --- |"
    for number, band in enumerate(MEASURED):
        limits = f"{band.least:.2f} …" if not number else f"{band.least:.2f} … {MEASURED[number - 1].least:.2f}"
        share = f"{100 * band.right / band.said:.0f} %" if band.said else "-"
        yield f"| {limits} | {band.said} | {band.right} | {share} |"
    mended, new = (", ".join(map(str, one)) for one in (MENDED_BY, NEW_TO_THEM))
    yield from ("", OF_STRANGERS.say(language, mended=mended, new=new))


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
