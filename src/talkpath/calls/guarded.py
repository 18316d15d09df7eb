"""What the guard at the door tells: bans, credentials that were refused, and accounts that called too much.

Plain rows, for whoever asks.
"""

import msgspec


class Ban(msgspec.Struct, frozen=True):
    """One ban, with its story. Times in seconds since the epoch.

    `source` is an address, address:port, or network; `until` None: until it is lifted. `code` is that of the finding
    it makes, "" for a ban by the operator, whose `note` it bears. `kind` is what there was too much of, and `over`
    what it came over: a ban for datagrams ("UDP"), on which anybody can write any address, keeps nobody from
    connecting, nor one for "connections" from sending datagrams; "" is both. `methods`, `users`, `tool` and `wrong`
    (credentials) are what the source sent in vain within `seconds`. `node` of the cluster made it, "" this one.
    """

    number: int
    source: str
    since: float
    until: float | None
    code: str = ""
    kind: str = ""
    methods: dict[str, int] = {}
    users: tuple[str, ...] = ()
    tool: str = ""
    wrong: int = 0
    seconds: float = 0.0
    note: str = ""
    over: str = ""
    node: str = ""


class Refused(msgspec.Struct, frozen=True):
    """Credentials of one user that were refused to one source. `untried` of them were not even looked at."""

    user: str
    source: str
    method: str
    first: float
    last: float
    times: int
    untried: int


class Tolled(msgspec.Struct, frozen=True):
    """Calls of one account that were refused because they were too many.

    `kind` is the moment that tells which `limit` it was; `number` and `source`, an address, are of the last one.
    """

    user: str
    source: str
    kind: str
    limit: int
    number: str
    first: float
    last: float
    times: int
