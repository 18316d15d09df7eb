"""What is to leave, as machines hand it to their driver.

No named tuple: each message makes one, and a compiled class is made in a sixth of the time.
"""

from collections.abc import Callable

from talkpath.base.address import Hop
from talkpath.base.unsent import Unsent


class Send:
    """An action: bytes that are to leave. `on_failure` is called when they could not, with the reason and the time.

    `call_id` says which call's story they belong to. Opening a connection takes time: who asks `is_wanted` when it
    stands hears whether they are to leave yet.
    """

    __slots__ = ("call_id", "data", "hop", "is_wanted", "on_failure")

    def __init__(
        self,
        hop: Hop,
        data: bytes,
        call_id: str,
        on_failure: Callable[[Unsent, float], None] | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> None:
        self.hop = hop
        self.data = data
        self.call_id = call_id
        self.on_failure = on_failure
        self.is_wanted = is_wanted

    def over(self, hop: Hop) -> "Send":
        """The same over another hop."""
        return Send(hop, self.data, self.call_id, self.on_failure, self.is_wanted)
