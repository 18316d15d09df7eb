"""Who may use whom in the crate stands in ARCHITECTURE.md, and is so."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRATE = ROOT / "native" / "src"
# What strangers' bytes reach is named for the fuzzers by whoever it may be.
OUTERMOST = {"fuzz", "tests"}


def ranks() -> dict[str, int]:
    """The table: module of the crate -> rank."""
    table = (ROOT / "ARCHITECTURE.md").read_text().partition("| modules of the crate |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", table, re.M)
    return {name: int(rank) for rank, names in rows for name in re.findall(r"`([^`]+)`", names)}


def code_of(path: Path) -> str:
    """A file without its comments and its tests, which stand last."""
    text = re.sub(r"//[^\n]*", "", path.read_text())
    return text.partition("#[cfg(test)]\nmod tests {")[0]


def module_of(path: Path) -> str:
    parts = path.relative_to(CRATE).with_suffix("").parts
    return "::".join(part for part in parts if part != "mod")


def used(code: str) -> set[str]:
    """The paths below `crate::` that a file names, those in braces among them."""
    found = set(re.findall(r"\bcrate::((?:\w+::)*\w+)", code))
    for before, listed in re.findall(r"\bcrate::((?:\w+::)*)\{([^}]*)\}", code):
        found |= {before + one.strip() for one in listed.split(",") if one.strip()}
    return found


def ranked(path: str, table: dict[str, int]) -> str | None:
    """The module of the table that a path lies in."""
    parts = path.split("::")
    names = ["::".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in table), None)


def upward(code: str, module: str, table: dict[str, int]) -> list[str]:
    """What a file uses against its rank."""
    own = ranked(module, table)
    assert own is not None, f"{module} has no rank in ARCHITECTURE.md"
    others = {name for path in used(code) if (name := ranked(path, table)) is not None}
    return [f"{module} uses {name}" for name in sorted(others - {own}) if table[name] >= table[own]]


def test_each_module_uses_lower_ranks_only() -> None:
    table = ranks()
    wrong: list[str] = []
    for path in sorted(CRATE.rglob("*.rs")):
        if path.stem not in OUTERMOST and path.name != "lib.rs":
            wrong += upward(code_of(path), module_of(path), table)
    assert wrong == []


def test_each_module_of_the_crate_has_a_rank() -> None:
    table = ranks()
    named = set(re.findall(r"^(?:pub )?mod (\w+);", (CRATE / "lib.rs").read_text(), re.M)) - OUTERMOST
    assert {name.partition("::")[0] for name in table} == named


def test_no_module_climbs_to_the_crate_by_another_name() -> None:
    """Enough `super::` lead to the crate, which the paths above would not show."""
    climbing: list[str] = []
    for path in CRATE.rglob("*.rs"):
        steps = max((len(run) // 7 for run in re.findall(r"(?:super::)+", code_of(path))), default=0)
        if path.stem not in OUTERMOST and steps and steps >= len(module_of(path).split("::")):
            climbing.append(module_of(path))
    assert climbing == []


def test_what_goes_up_or_sideways_is_found() -> None:
    table = {"relay": 3, "calls": 3, "calls::python": 4, "rtp": 0}
    assert upward("use crate::calls::Hop;", "relay::port", table) == ["relay::port uses calls"]
    assert upward("use crate::{rtp, relay::Engine};", "rtp", table) == ["rtp uses relay"]
    assert upward("fn f() { crate::relay::run() }", "calls::python", table) == []
    assert upward("use crate::calls::python::Row;", "calls::hops", table) == ["calls::hops uses calls::python"]


def test_no_files_of_a_module_go_in_a_circle() -> None:
    """What needs each other is one file; types that both sides pass on lie below them."""
    for folder in sorted({path.parent for path in CRATE.rglob("mod.rs")}):
        needs = {path.stem: siblings(path) for path in folder.glob("*.rs") if path.name not in ("mod.rs", "tests.rs")}
        assert circle(needs) == [], folder.name


def siblings(path: Path) -> set[str]:
    """The files beside it that a file uses, or the files of its own folder use."""
    inner = [one for one in path.with_suffix("").glob("*.rs") if one.stem not in OUTERMOST]
    own = path.parent.relative_to(CRATE).parts
    prefix = "::".join(("crate", *own, ""))
    texts = [code_of(path), *(code_of(one).replace("super::super::", prefix) for one in inner)]
    named = set(re.findall(r"\bsuper::(\w+)", texts[0]))
    return (named | {name for text in texts for name in re.findall(rf"\b{prefix}(\w+)", text)}) - {path.stem}


def circle(needs: dict[str, set[str]]) -> list[str]:
    """Who is left when those go, again and again, that need nobody who is left."""
    left = dict(needs)
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["a", "b", "c"]
