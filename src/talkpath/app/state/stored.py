"""The database of the state directory as a node finds it at its start, sound or not."""

import time
from pathlib import Path

from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.node.control import running_edge
from talkpath.app.state import words as texts
from talkpath.app.state.directory import DATABASE
from talkpath.store.accounts import Accounts
from talkpath.store.damage import is_damaged, set_aside, take_over
from talkpath.store.mishaps import named


def open_accounts(state: Path) -> tuple[Accounts, tuple[Phrase, ...]]:
    """The accounts, and what is to be said of the database: one that is damaged is set aside, and what can be read of
    it is taken over. Raises `Unavailable`."""
    path = state / DATABASE
    said: tuple[Phrase, ...] = ()
    if is_damaged(path):
        pid = running_edge(state)
        if pid is not None:
            raise Trouble("store-damaged", phrase(texts.DAMAGED_WHILE_RUNNING, path=path, pid=pid))
        aside = set_aside(path, time.time())
        with named(path):
            kept = take_over(aside, path)
        said = (phrase(texts.SET_ASIDE, path=path, aside=aside.name, **kept),)
    return Accounts(path), said
