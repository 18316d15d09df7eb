"""What a store would be to an edge: accounts that it asks, bindings that it is told."""

from dataclasses import dataclass, field

from talkpath.edge.registrar.binding import Binding
from talkpath.sip.digest import Algorithm, ha1

REALM = "talkpath"


class Accounts:
    """Users whose password is their name; those in `guests` are guests, those in `outbound` may dial out."""

    def __init__(self, *users: str) -> None:
        self.users = set(users)
        self.guests: set[str] = set()
        self.outbound: frozenset[str] = frozenset()

    def ha1(self, user: str, algorithm: Algorithm) -> str | None:
        return ha1(algorithm, user, REALM, user) if user in self.users else None

    def exists(self, user: str) -> bool:
        return user in self.users

    is_known = exists

    def may_dial_out(self, user: str) -> bool:
        return user in self.outbound

    def is_guest(self, user: str) -> bool:
        return user in self.guests


@dataclass
class Bindings:
    """What a store would have been told."""

    saved: list[Binding] = field(default_factory=list)
    refreshed: list[Binding] = field(default_factory=list)
    dropped: list[Binding] = field(default_factory=list)

    def save_binding(self, binding: Binding) -> None:
        self.saved.append(binding)

    def refresh_binding(self, binding: Binding) -> None:
        self.refreshed.append(binding)

    def drop_binding(self, binding: Binding) -> None:
        self.dropped.append(binding)

    def forget_binding(self, binding: Binding) -> None:
        self.dropped.append(binding)
