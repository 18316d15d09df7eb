"""The store of a single node: one SQLite file, one thread that writes it."""

from pathlib import Path
from typing import Generic

from talkpath.store.accounts import Accounts
from talkpath.store.bindings import AnyBinding, Bindings
from talkpath.store.history import HistoryWriter, Retention
from talkpath.store.writer import Writer


class EmbeddedStore(Generic[AnyBinding]):
    """Opens the file (made when it is missing) and offers its parts. Raises `Unavailable`."""

    def __init__(
        self,
        path: Path,
        binding: type[AnyBinding],
        retention: Retention | None = None,
        *,
        is_history_shared: bool = False,
    ) -> None:
        self.path = path
        self.writer = Writer(path)
        self.accounts = Accounts(path)
        self.bindings = Bindings(path, self.writer, binding)
        self.history = HistoryWriter(self.writer, retention or Retention(), is_shared=is_history_shared)
        self.history.close_left_open()

    def counters(self) -> dict[str, int]:
        """What went wrong so far: items that could not be written, calls that came too fast, transactions refused."""
        return {
            "left_out": self.writer.dropped,
            "calls_dropped": self.history.dropped,
            "transactions_refused": self.writer.failures,
        }

    def close(self) -> None:
        """Write what waits, and close the file."""
        self.accounts.close()
        self.bindings.keep_refreshed(whole=True)
        self.writer.close()
