"""How many files this process may open, and who may have the last of them.

The kernel gives the lowest number that is free. So the number of a new descriptor says how many are open at least,
and whoever is to leave some for others gives back what has too high a number: nobody has to count.
"""

import resource
from typing import NamedTuple

from talkpath.base import limits


class Descriptors(NamedTuple):
    """The limit of this process, and the numbers below which each kind of socket must lie.

    What is between the highest of them and the limit is for what ends calls and tells of them: names that are looked
    up, questions of the command line, addresses of this host.
    """

    limit: int
    #: ports of media: beyond, calls are refused
    media: int
    #: connections that others open: beyond, they are closed at once
    accepted: int
    #: connections that we open, to hang up towards a server for example
    opened: int
    #: names that are looked up at a time, each with a socket
    lookups: int

    @classmethod
    def within(cls, limit: int) -> "Descriptors":
        """Who may have what of so many."""
        step = max(limits.LEAST_DESCRIPTORS_KEPT, min(limits.DESCRIPTORS_KEPT, limit // 32))
        return cls(limit, limit - 3 * step, limit - 2 * step, limit - step, max(step // 2, limit // 64))

    @classmethod
    def of_process(cls) -> "Descriptors":
        """Of all that this process may have without being root; the media engine raises the limit to that."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return cls.within(limits.DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, limits.DESCRIPTORS))
