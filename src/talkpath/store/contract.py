"""What any store offers, embedded or clustered. None of these verbs makes the hot path wait.

`app` hands the parts to whoever needs them, as the `Protocol`s that those declare; these here are their sum.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from talkpath.calls.model import Summary
from talkpath.calls.trace import Trace
from talkpath.store.accounts import Account
from talkpath.store.history import Wanted

Binding = TypeVar("Binding")


class AccountStore(Protocol):
    """Who may register and call; answers from memory, which `refresh` brings up to date."""

    def ha1(self, user: str, algorithm: str) -> str | None: ...
    def exists(self, user: str) -> bool: ...
    def all(self) -> Sequence[Account]: ...
    def refresh(self) -> bool: ...
    def put(self, account: Account) -> None: ...
    def remove(self, user: str) -> bool: ...


class RegistrationStore(Protocol[Binding]):
    """Registrations past a restart, or of the other nodes."""

    def save_binding(self, binding: Binding) -> None: ...
    def drop_binding(self, binding: Binding) -> None: ...
    def load(self, now: float) -> Sequence[Binding]: ...


class CallHistory(Protocol):
    """Where calls go that ended."""

    def save(self, trace: Trace) -> None: ...
    def sweep(self, now: float) -> None: ...


class CallArchive(Protocol):
    """Where calls of the past are found."""

    def find(self, wanted: Wanted) -> Sequence[Summary]: ...
    def traces(self, name: str, limit: int = 2) -> Sequence[Trace]: ...
