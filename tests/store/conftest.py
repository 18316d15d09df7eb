"""A database file, and a store that is open on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from talkpath.store.embedded import EmbeddedStore

from .kept import Registered


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "talkpath.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[EmbeddedStore[Registered]]:
    store = EmbeddedStore(file, Registered)
    yield store
    store.close()
