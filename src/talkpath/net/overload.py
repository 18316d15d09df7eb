"""Whether new calls on connections are refused, because too much waits (docs/decisions/overload.md).

Messages of connections wait within one turn of the event loop: it asks the kernel who has something to say, and then
hears one after another. So how long ago the turn began is how long a message has waited, at least. A single long turn
is a burst; where one follows another, new calls are refused until a second without any.
"""

# How long a new call may have waited.
LATE_S = 0.1
# For how long long turns must follow each other, and what parts them.
STANDING_S = 0.4
CALM_S = 1.0


class Overload:
    """See the module's docstring."""

    __slots__ = ("_since", "_until", "refused")

    def __init__(self) -> None:
        self._since = 0.0
        self._until = 0.0
        #: new calls
        self.refused = 0

    def is_refusing(self, late_s: float, now: float) -> bool:
        """Whether a new call that has waited for so long is to be refused."""
        if late_s < LATE_S:
            return False
        if now - self._until > CALM_S:
            self._since = now
        self._until = now
        return now - self._since >= STANDING_S
