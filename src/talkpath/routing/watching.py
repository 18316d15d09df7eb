"""Whether the files of a script were saved since it was loaded."""

from collections.abc import Iterable
from pathlib import Path

_Mark = tuple[int, int, int]


class Watch:
    """Looks at files now and then. A change counts when two looks after it see the same: whoever saves in several
    steps is waited for."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._files: tuple[Path, ...] = ()
        self._loaded: list[_Mark | None] = []
        self.follow(files)

    def begin(self) -> None:
        """The files are about to be loaded as they are now."""
        self._loaded = self._seen = self._look()

    def follow(self, files: Iterable[Path]) -> None:
        """These were loaded. One that was saved since `begin` is a change yet to be seen."""
        known = dict(zip(self._files, self._loaded, strict=True))
        self._files = tuple(dict.fromkeys(files))
        self._loaded = [known[file] if file in known else _mark(file) for file in self._files]
        self._seen = self._look()

    def is_changed(self) -> bool:
        """Look: True once for a change. A file that is away is on its way back, as editors save."""
        now = self._look()
        settled, self._seen = now == self._seen, now
        if now == self._loaded or not settled or None in now:
            return False
        self._loaded = now
        return True

    def _look(self) -> list[_Mark | None]:
        return [_mark(file) for file in self._files]


def _mark(file: Path) -> _Mark | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
