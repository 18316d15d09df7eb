"""Types that hold secrets and print none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or key. `reveal` is the only way to its text; printing, logging and formatting give stars."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"
