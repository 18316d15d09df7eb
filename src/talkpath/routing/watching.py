"""Whether the files of a script were saved since it was loaded."""

from collections.abc import Iterable
from pathlib import Path

_Mark = tuple[int, int, int]


class Watch:
    """Looks at files now and then. A change counts when two looks after it see the same: whoever saves in several
    steps is waited for."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.follow(files)

    def follow(self, files: Iterable[Path]) -> None:
        """These are the files, as they are now."""
        self._files = tuple(files)
        self._loaded = self._seen = self._look()

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
