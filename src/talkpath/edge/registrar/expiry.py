"""When to look whose registrations have run out: a wheel of users, so that nobody is looked at before it is time.

A user stands in the slot of the first of his bindings to run out. A refresh leaves him there: when the slot is due he
is put where the binding stands then. So refreshing costs a look-up, and each lifetime one move. All phones may have
registered at once, so those of a slot are looked at in portions.
"""

from itertools import islice

# Seconds of a slot.
_SLOT_S = 10.0


class Expiry:
    """See the module's docstring. Each user stands in one slot."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[str, None]] = {}
        self._slot_of: dict[str, int] = {}
        #: slots whose time has come, with who was not looked at yet
        self._due: dict[int, dict[str, None]] = {}

    def __len__(self) -> int:
        return len(self._slot_of)

    @property
    def is_unfinished(self) -> bool:
        """Whether there is more to `take` before all that was due is through."""
        return bool(self._due)

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
        if slot is None:
            return
        for slots in (self._due, self._slots):
            users = slots.get(slot)
            if users is not None and user in users:
                del users[user]
                if not users:
                    del slots[slot]
                return

    def take(self, now: float, most: int) -> list[str]:
        """Who is to be looked at now, at most so many at a time; who has more that can run out is to be put again."""
        if not self._due:
            latest = int(now // _SLOT_S)
            # Apart, so that who is put again into a slot of now waits for the next look.
            self._due = {slot: self._slots.pop(slot) for slot in sorted(self._slots) if slot <= latest}
        taken: list[str] = []
        while self._due and len(taken) < most:
            users = next(iter(self._due.values()))
            for user in list(islice(users, most - len(taken))):
                self.drop(user)
                taken.append(user)
        return taken
