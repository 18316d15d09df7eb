"""When to look whose registrations have run out: a wheel of users, so that nobody is looked at before it is time.

A user stands in the slot of the first of his bindings to run out. A refresh leaves him there: when the slot is due he
is put where the binding stands then. So refreshing costs a look-up, and each lifetime one move.
"""

# Seconds of a slot.
_SLOT_S = 10.0


class Expiry:
    """See the module's docstring. Each user stands in one slot."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[str, None]] = {}
        self._slot_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    def put(self, user: str, at: float) -> None:
        """Have the user looked at at that time, or before."""
        slot = int(at // _SLOT_S)
        known = self._slot_of.get(user)
        if known is not None:
            if known <= slot:
                return
            self.drop(user)
        self._slot_of[user] = slot
        self._slots.setdefault(slot, {})[user] = None

    def drop(self, user: str) -> None:
        """There is nothing of the user that could run out."""
        slot = self._slot_of.pop(user, None)
        if slot is not None:
            users = self._slots[slot]
            del users[user]
            if not users:
                del self._slots[slot]

    def take(self, now: float) -> list[str]:
        """Who is to be looked at now; who has more that can run out is to be put again."""
        latest = int(now // _SLOT_S)
        taken: list[str] = []
        for slot in sorted(slot for slot in self._slots if slot <= latest):
            taken += self._slots.pop(slot)
        for user in taken:
            del self._slot_of[user]
        return taken
