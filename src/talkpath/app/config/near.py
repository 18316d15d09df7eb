"""The nearest right word for a wrong one."""

import difflib


def nearest(word: str, known: list[str], cutoff: float = 0.6) -> str | None:
    """The one of `known` that is most like `word`, whatever the case; None where none is like it."""
    by_folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None
