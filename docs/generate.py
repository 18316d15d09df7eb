"""Writes docs/reference and docs/cases. `make docs` runs it; a test says when it was forgotten."""

from pathlib import Path

from talkpath.app.config.pages import reference
from talkpath.base.texts import Language
from talkpath.explain.telling.pages import write

REFERENCE = Path(__file__).parent / "reference"

if __name__ == "__main__":
    for name, language in (("configuration.md", Language.EN), ("configuration.zh.md", Language.ZH)):
        (REFERENCE / name).write_text(reference(language), encoding="utf-8")
    write(Path(__file__).parent / "cases")
